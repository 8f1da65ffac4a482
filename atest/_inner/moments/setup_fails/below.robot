*** Settings ***
Documentation    Never runs.


*** Test Cases ***
Inherits A Failure
    [Documentation]    FAIL: Parent suite setup failed:*the shop did not open
    No Operation

Inherits It Too
    [Documentation]    FAIL: Parent suite setup failed:*the shop did not open
    No Operation
