*** Settings ***
Documentation    Imports the library with a configuration of its own.

Library          FailTaleLibrary    %{CONFIG}


*** Test Cases ***
Evidence Is Collected
    [Documentation]    PASS
    ${evidence} =    Collect Evidence
    Should Be Equal    ${evidence.all_items[0].host}    db1
    Should Be Equal    ${evidence.all_items[0].text.strip()}    once
