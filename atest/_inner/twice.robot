*** Settings ***
Documentation    Two tests for reruns: one that fails until there is a file, and one that always fails.

Library          OperatingSystem
Library          Product.py


*** Test Cases ***
Fails At First
    [Documentation]    PASS
    Log Line    ERROR not yet
    ${before} =    Get Environment Variable    RUN
    ${ready} =    Run Keyword And Return Status    File Should Exist    ${before}/ready
    Create File    ${before}/ready
    Should Be True    ${ready}    not yet

Fails Always
    [Documentation]    FAIL: never*
    Log Line    ERROR never
    Fail    never
