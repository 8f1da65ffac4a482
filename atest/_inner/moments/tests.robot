*** Settings ***
Documentation    Every way in which a test may end; each says how it does.

Library          ../Product.py


*** Test Cases ***
Passes
    [Documentation]    PASS
    Log Line    all is well

Body Fails
    [Documentation]    FAIL: web says no
    Log Line    ERROR no room for an order
    Fail    web says no

Body Fails Before A Teardown That Empties The Log
    [Documentation]    FAIL: web says no again
    Log Line    ERROR the cause that a teardown destroys
    Fail    web says no again
    [Teardown]    Clear Log

Setup Fails
    [Documentation]    FAIL: Setup failed:*not ready
    [Setup]    Fail    not ready
    No Operation

Teardown Fails After A Passing Body
    [Documentation]    FAIL: Teardown failed:*cannot tidy up
    Log Line    ERROR something stays open
    [Teardown]    Fail    cannot tidy up

Body And Teardown Fail
    [Documentation]    FAIL: first*Also teardown failed:*second
    Fail    first
    [Teardown]    Fail    second

Failures Are Handled
    [Documentation]    PASS
    TRY
        Fail    handled
    EXCEPT    handled
        No Operation
    END
    Run Keyword And Ignore Error    Fail    ignored
    Run Keyword And Expect Error    expected    Fail    expected
    Wait Until Keyword Succeeds    3x    0    Succeed At The Second Time

Fails Twice And Goes On
    [Documentation]    FAIL: Several failures occurred:*
    [Tags]    robot:continue-on-failure
    Fail    one
    Fail    two

Fails Deep Down
    [Documentation]    FAIL: not deep enough
    FOR    ${depth}    IN    1    2
        IF    ${depth} == 2    Dive    ${depth}
    END

Waits In Vain
    [Documentation]    FAIL: Keyword 'Fail' failed after retrying*never
    Wait Until Keyword Succeeds    2x    0    Fail    never

Skips Itself
    [Documentation]    SKIP: no time
    Skip    no time

Is Skipped On Failure
    [Documentation]    SKIP: *too bad*
    [Tags]    robot:skip-on-failure
    Fail    too bad

Is Switched Off By A Tag
    [Documentation]    FAIL: known
    [Tags]    failtale:off
    Fail    known

Is Excluded By The Configuration
    [Documentation]    FAIL: known, too
    [Tags]    unstable
    Fail    known, too

Asks One Component Only
    [Documentation]    FAIL: only db
    [Tags]    failtale:only=db
    Fail    only db


*** Keywords ***
Dive
    [Documentation]    Fails one level further down.
    [Arguments]    ${depth}
    Should Be Equal As Integers    ${depth}    3    not deep enough    values=False

Succeed At The Second Time
    [Documentation]    Fails once.
    Raw Line    tried    tries.log
    ${tries} =    Count Lines    tries.log
    Should Be Equal As Integers    ${tries}    2
