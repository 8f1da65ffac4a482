*** Settings ***
Documentation    The keywords: evidence on demand, checks on it, and one library for listener and suites.

Resource         atest.resource

Suite Setup      Run Keywords Suite


*** Test Cases ***
Every Keyword Does What Its Manual Says
    Tests Should End As Documented    ${RUN}

On Demand Evidence Is Logged As A Card
    ${report} =    Report Of    ${RUN}    After the order
    Should Be Equal    ${report.failure.scope}    on demand

A Keyword In A Teardown Asks Nothing Again
    ${report} =    Report Of    ${RUN}    A Teardown Sees What The Listener Collected
    ${told} =    Item Of    ${report}    db1/asked
    ${next} =    Report Of    ${RUN}    Asked again
    ${later} =    Item Of    ${next}    db1/asked
    Should Be Equal    ${later.text}    ${told.text}once\n

The Resource Collects In Teardowns Without The Listener
    ${run} =    Run Robot    resource.robot    FAILTALE_CONFIG=local.yaml
    Tests Should End As Documented    ${run}
    Told Should Be    ${run}    Evidence Is Collected    Evidence Is Collected In The Teardown


*** Keywords ***
Run Keywords Suite
    [Documentation]    All keywords in one inner run.
    ${RUN} =    Run Robot    --listener    FailTaleListener:keywords.yaml    keywords.robot
    VAR    ${RUN} =    ${RUN}    scope=SUITE
