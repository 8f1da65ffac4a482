*** Settings ***
Documentation    What the keywords promise, with the listener in use. Two of these hosts answer, one is not there.

Library          FailTaleLibrary
Library          Product.py

Suite Setup      Log Line    ERROR left over from yesterday


*** Test Cases ***
Evidence Is A Value
    [Documentation]    PASS
    Log Line    ERROR no room for an order
    ${evidence} =    Collect Evidence    name=After the order
    Should Be Equal    ${evidence.name}    After the order
    Should Start With    ${evidence.headline}    web1:
    Should Be Equal    ${evidence.all_items[0].host}    web1
    Should Contain    ${evidence.all_items[0].text}    no room for an order
    Should Be Equal    ${evidence.gaps[0].host}    gone
    Should Be Equal    ${evidence.gaps[0].reason}    refused
    Should Be True    any("no room for an order" in each.text for each in $evidence.suspects)
    Should Start With    ${evidence.suspects[-1].text}    gone refuses connections
    Should Contain    ${evidence.text}    no room for an order
    Should Be Equal    ${evidence.hint}    ${None}

Components Narrow It
    [Documentation]    PASS
    Log Line    hello    db.log
    ${evidence} =    Collect Evidence    components=db
    ${hosts} =    Evaluate    {item.host for item in $evidence.all_items}
    Should Be Equal    ${hosts}    ${{ {'db1'} }}
    Should Be Empty    ${evidence.gaps}

A Component That Does Not Exist Is Refused
    [Documentation]    FAIL: *'dbb'*
    [Tags]    failtale:off
    Collect Evidence    components=dbb

One Item's Text Can Be Had
    [Documentation]    PASS
    Log Line    hello    db.log
    Collect Evidence    hosts=db1
    ${text} =    Get Evidence    db1    log
    Should End With    ${text.strip()}    hello
    ${text} =    Get Evidence    db1
    Should Contain    ${text}    ==> db1/asked <==

An Item That Was Not Collected Is Refused
    [Documentation]    FAIL: There is no evidence 'db1/lgo'; there is db1/asked, db1/log.
    [Tags]    failtale:off
    Log Line    hello    db.log
    Collect Evidence    components=db
    Get Evidence    db1    lgo

Contained Text Is Found
    [Documentation]    PASS
    Log Line    WARN Slow    db.log
    Collect Evidence    components=db
    Evidence Should Contain    slow    host=db1    collector=log    ignore_case=True
    Evidence Should Not Contain    ERROR    host=db1
    Evidence Should Not Contain    slow    host=db1

Missing Text Is Missed
    [Documentation]    FAIL: No evidence contains 'slow'; looked into db1/asked, db1/log.
    [Tags]    failtale:off
    Log Line    WARN fast    db.log
    Collect Evidence    components=db
    Evidence Should Contain    slow

Unwanted Text Is Refused
    [Documentation]    FAIL: Evidence contains 'fast': db1/log.
    [Tags]    failtale:off
    Log Line    WARN fast    db.log
    Collect Evidence    components=db
    Evidence Should Not Contain    fast

A Gap Is No Evidence Of Absence
    [Documentation]    FAIL: Cannot tell whether evidence contains 'ERROR', because of gaps: gone:*
    [Tags]    failtale:off
    Collect Evidence    components=far
    Evidence Should Not Contain    ERROR

Hosts That Answer Are Well
    [Documentation]    PASS
    Check Hosts    web1    db1

Hosts That Do Not Answer Are Listed
    [Documentation]    FAIL: 1 of 3 hosts cannot be reached:*- gone: *
    [Tags]    failtale:off
    Check Hosts

A Teardown Sees What The Listener Collected
    [Documentation]    FAIL: the order was lost
    Log Line    ERROR order lost
    Fail    the order was lost
    [Teardown]    Order Should Be Lost In The Evidence

Two Components Are Asked
    [Documentation]    PASS
    Collect Evidence    components=web,db    name=Asked again

The Evidence Can Be Analysed
    [Documentation]    PASS
    Log Line    ERROR no room for an order
    Collect Evidence    components=web
    ${analysis} =    Analyze Evidence
    Should Contain    ${analysis.headline}    no room for an order
    Should Be Equal    ${analysis.hint}    ${None}


*** Keywords ***
Order Should Be Lost In The Evidence
    [Documentation]    The listener has asked by now; its answers are used.
    Evidence Should Contain    order lost    host=web1
    ${evidence} =    Collect Evidence
    Should Contain    ${evidence.text}    order lost
    Should Be Equal    ${evidence.name}    ${TEST NAME}
