*** Settings ***
Documentation    Somebody presses Ctrl-C while the first test waits.

Library          OperatingSystem


*** Test Cases ***
Waits For Ever
    [Documentation]    FAIL: Execution terminated by signal
    Create File    %{RUN}/waiting
    Sleep    600 s

Never Begins
    [Documentation]    FAIL: Test execution stopped due to a fatal error.
    No Operation
