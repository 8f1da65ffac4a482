*** Settings ***
Documentation    A fatal error ends the run; what comes after it never runs.


*** Test Cases ***
Ends The Run
    [Documentation]    FAIL: the machine room is on fire
    Fatal Error    the machine room is on fire

Never Begins
    [Documentation]    FAIL: Test execution stopped due to a fatal error.
    No Operation
