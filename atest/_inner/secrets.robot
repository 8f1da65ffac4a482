*** Settings ***
Documentation    Secrets in every place where a test may hold one. None of the keywords here writes one into Robot's
...              own log; where one appears, FailTale has brought it there.

Library          Product.py


*** Variables ***
&{ACCOUNT}    name=alice    password=%{ACCOUNT_PASSWORD}
${API KEY}    %{API_KEY_VALUE}


*** Test Cases ***
Secrets In The Product's Log
    [Documentation]    FAIL: see the logs
    Leak    %{ACCOUNT_PASSWORD}    %{API_KEY_VALUE}    %{MARKED}    %{CONFIGURED}
    VAR    ${marked: Secret} =    %{MARKED}
    Use    ${ACCOUNT}    ${API KEY}    ${marked}
    Fail    see the logs

A Secret In The Message And In Arguments
    [Documentation]    FAIL: login with * refused
    [Tags]    said
    Refuse Login    %{ACCOUNT_PASSWORD}


*** Keywords ***
Use
    [Documentation]    Only has arguments.
    [Arguments]    ${account}    ${key}    ${marked}
    Should Not Be Equal    ${account}    ${key}
    Should Not Be Equal    ${key}    ${marked}

Refuse Login
    [Documentation]    Says more than it should.
    [Arguments]    ${password}
    Fail    login with '${password}' refused
