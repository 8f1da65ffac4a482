*** Settings ***
Documentation    A bad night. The test is multiplied by a model modifier, see `Fifty.py`.


*** Test Cases ***
Fails
    [Documentation]    FAIL: once more
    Fail    once more
