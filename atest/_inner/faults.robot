*** Settings ***
Documentation    Tests whose hosts have every fault there is.

Library          OperatingSystem
Library          Product.py


*** Test Cases ***
Everything Is Wrong
    [Documentation]    FAIL: nothing works
    [Tags]    failtale:only=plain,odd,dies,freezes
    Fail    nothing works

Fails Before The Reboot
    [Documentation]    FAIL: first
    [Tags]    failtale:only=reboots
    Log Line    ERROR disk is going
    Fail    first

Fails After The Reboot
    [Documentation]    FAIL: second
    [Tags]    failtale:only=reboots
    Create File    %{RUN}/reboot-me
    Wait Until Removed    %{RUN}/reboot-me    timeout=300 s
    Log Line    ERROR disk is gone
    Fail    second

Knows Its Hosts
    [Documentation]    PASS
    No Operation
