*** Settings ***
Documentation    Imports the resource, which brings the library without an argument.

Resource         FailTaleLibrary/failtale.resource

Suite Setup      Check Hosts Before The Suite
Test Teardown    Collect Evidence On Failure


*** Test Cases ***
Evidence Is Collected
    [Documentation]    PASS
    ${evidence} =    Collect Evidence
    Should Not Be Empty    ${evidence.all_items}

Evidence Is Collected In The Teardown
    [Documentation]    FAIL: alas
    Fail    alas
