*** Settings ***
Documentation    The shop logs the trace of each request, so that its lines are known to be this test's.

Library          FailTaleLibrary
Library          RequestsLibrary

Suite Setup      Create Session    shop    %{SHOP_URL}


*** Test Cases ***
An Order Is Accepted
    [Documentation]    The session sends nothing along by itself: each request gets an id with a span of its own.
    ${id} =    Get Correlation Id
    VAR    &{headers} =    traceparent=${id}
    VAR    &{order} =    item=tea
    POST On Session    shop    /orders    json=${order}    headers=${headers}
