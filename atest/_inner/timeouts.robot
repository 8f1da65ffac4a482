*** Settings ***
Documentation    Tests that have less time than their hosts need to answer.


*** Test Cases ***
Fails With Little Time Left
    [Documentation]    FAIL: too slow for us
    [Timeout]    2 s
    Fail    too slow for us

Runs Into Its Timeout
    [Documentation]    FAIL: Test timeout 300 milliseconds exceeded.
    [Timeout]    0.3 s
    Sleep    600 s
    [Teardown]    No Operation

Fails In Its Last Moment
    [Documentation]    FAIL: at the end
    [Tags]    robot:continue-on-failure
    [Timeout]    2 s
    Fail    at the end
    Sleep    0.5 s
    [Teardown]    No Operation
