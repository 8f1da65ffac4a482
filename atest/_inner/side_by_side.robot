*** Settings ***
Documentation    Tests that pabot may run at the same time.

Library          Product.py


*** Test Cases ***
Left Fails
    [Documentation]    FAIL: left
    Log Line    ERROR left
    Fail    left

Right Fails
    [Documentation]    FAIL: right
    Log Line    ERROR right
    Fail    right

Middle Passes
    [Documentation]    PASS
    No Operation
