*** Settings ***
Documentation     The teardown of this suite fails; its test had passed until then.

Suite Teardown    Fail    the shop did not close


*** Test Cases ***
Passes Until The Suite Ends
    [Documentation]    FAIL: Parent suite teardown failed:*the shop did not close
    No Operation
