*** Settings ***
Documentation    A failing test is told, once, with what its hosts knew at that moment; nothing else is told, and no
...              result changes.

Resource         atest.resource

Suite Setup      Run All Moments


*** Variables ***
@{MOMENTS}    --listener    FailTaleListener:moments.yaml


*** Test Cases ***
Statuses And Messages Are The Same With And Without The Listener
    Tests Should End As Documented    ${PLAIN}
    Lists Should Be Equal    ${WATCHED.outcomes}    ${PLAIN.outcomes}
    Should Be Equal    ${WATCHED.status}    ${PLAIN.status}

Every Failing Test Is Told Once And Nothing Else
    Told Should Be    ${WATCHED}
    ...    Suite setup of Setup Fails
    ...    Suite teardown of Teardown Fails
    ...    Body Fails
    ...    Body Fails Before A Teardown That Empties The Log
    ...    Setup Fails
    ...    Teardown Fails After A Passing Body
    ...    Body And Teardown Fail
    ...    Fails Twice And Goes On
    ...    Fails Deep Down
    ...    Waits In Vain
    ...    Asks One Component Only

The Card Stands In The Failing Test
    ${cards} =    Cards In Test    ${WATCHED}    Body Fails
    Length Should Be    ${cards}    1
    ${cards} =    Cards In Test    ${WATCHED}    Passes
    Should Be Empty    ${cards}

Evidence Is Taken Before The Teardown Destroys It
    ${report} =    Report Of    ${WATCHED}    Body Fails Before A Teardown That Empties The Log
    Item Should Contain    ${report}    web1/log    the cause that a teardown destroys

A Failing Teardown Is Told When The Test Ends
    ${report} =    Report Of    ${WATCHED}    Teardown Fails After A Passing Body
    Item Should Contain    ${report}    web1/log    something stays open
    Should Contain    ${report.failure.message}    cannot tidy up

A Failing Suite Setup Is Told Where It Happens
    ${report} =    Report Of    ${WATCHED}    Suite setup of Setup Fails
    Should Be Equal    ${report.failure.scope}    suite setup
    Item Should Contain    ${report}    web1/log    refused to start
    ${cards} =    Cards In Keyword    ${WATCHED.result.suite.suites[0].setup}
    Length Should Be    ${cards}    1

A Failing Suite Teardown Is Told Where It Happens
    ${report} =    Report Of    ${WATCHED}    Suite teardown of Teardown Fails
    Should Be Equal    ${report.failure.scope}    suite teardown
    ${cards} =    Cards In Keyword    ${WATCHED.result.suite.suites[1].teardown}
    Length Should Be    ${cards}    1

The Way To The Failing Keyword Has Files And Lines
    ${report} =    Report Of    ${WATCHED}    Fails Deep Down
    ${names} =    Evaluate    [step.name for step in $report.failure.keyword_path]
    Should Be Equal    ${names}[-2:]    ${{['Dive', 'BuiltIn.Should Be Equal As Integers']}}
    Should End With    ${report.failure.keyword_path[-1].source}    moments${/}tests.robot
    ${line} =    Line Number Of    moments/tests.robot    not deep enough${SPACE*4}values=False
    Should Be Equal    ${report.failure.keyword_path[-1].line}    ${line}

A Tag Narrows A Failure To A Component
    ${report} =    Report Of    ${WATCHED}    Asks One Component Only
    ${items} =    Evaluate    [item.id for item in $report.evidence.items]
    Should Be Equal    ${items}    ${{['db1/state']}}

An Earlier Test's Errors Are Not In A Later Test's Evidence
    ${report} =    Report Of    ${WATCHED}    Body Fails
    Item Should Contain    ${report}    web1/log    no room for an order
    # Behind an emptied log an item may be missing; where there is one, it has nothing of an earlier test.
    FOR    ${name}    IN    Body And Teardown Fail    Fails Twice And Goes On    Waits In Vain
        ${report} =    Report Of    ${WATCHED}    ${name}
        ${texts} =    Evaluate    [item.text for item in $report.evidence.items]
        Should Not Contain    ${{'\n'.join($texts)}}    ERROR
    END

A Log That Was Emptied Just Ahead Of A Test Is Not Taken For A Quiet One
    ${report} =    Report Of    ${WATCHED}    Setup Fails
    ${item} =    Evaluate    $report.evidence.item("web1/log")
    IF    $item is not None
        # On a slow machine a mark may have come between the emptying and the test: then nothing of the test was lost.
        Should Be Equal    ${item.status}    empty
    ELSE
        ${gap} =    Gap Of    ${report}    web1    log
        Should Be Equal    ${gap.reason}    could not tell
        Should Contain    ${gap.detail}    was truncated
    END

Lines Without A Time Belong To The Test That Wrote Them
    ${run} =    Run Robot    @{LOCAL}    windows.robot
    ${report} =    Report Of    ${run}    Fails Over Fresh News
    Item Should Contain    ${report}    web1/log    fresh news
    Item Should Not Contain    ${report}    web1/log    old news

The Console's Last Lines Say What It Cost, The Causes And Where Their Page Is
    # How many looks met the emptied log depends on which mark was the newest: the reports say it.
    ${missing} =    Evaluate    sum(len(report.evidence.gaps) for report in $WATCHED.reports)
    Should Match Regexp
    ...    ${WATCHED.stderr}
    ...    ^FailTale: collected evidence for 11 failed tests from 2 hosts \\(${missing} items? missing\\) in \\S+ s
    Should Match Regexp    ${WATCHED.stderr}    ^FailTale: .*\n( .*\n){1,6}FailTale: .*failtale-report.html\n$
    Should Not Contain    ${WATCHED.stdout}    FailTale

A Green Run Prints, Writes And Imports Nothing
    ${run} =    Run Robot    --listener    FailTaleListener:quiet.yaml    green.robot
    Tests Should End As Documented    ${run}
    Should Be Equal    ${run.status}    ${0}
    Should Be Empty    ${run.stderr}
    Should Not Contain    ${run.stdout}    FailTale
    Files Should Be    ${run}    log.html    output.xml    report.html
    ${output} =    Get File    ${run.output}
    Should Not Contain    ${output}    data-failtale

A Summary Is Appended To The Message On Request And Survives The Removal Of All Keywords
    ${run} =    Run Robot    --listener    FailTaleListener:summary.yaml    --test    Body Fails    moments
    VAR    ${message} =    ${run.result.suite.suites[0].tests[0].message}
    Should Match Regexp    ${message}    ^web says no\n\nFailTale: .*no room for an order.*$
    ${rebot} =    Run Rebot    --removekeywords    ALL    --output    output.xml    ${run.output}
    Should Be Equal    ${rebot.result.suite.suites[0].tests[0].message}    ${message}

A Summary That Quotes A Log Stays Text In An HTML Message
    ${run} =    Run Robot    --listener    FailTaleListener:summary.yaml    html_message.robot
    VAR    ${message} =    ${run.result.suite.tests[0].message}
    Should Match Regexp    ${message}    ^\\*HTML\\* <b>web</b> has no room<br><br>FailTale: .*order &lt;img src=x
    Should Not Contain    ${message}    <img

No Timeout Of The Test Harms The Evidence Or The Result
    ${plain} =    Run Robot    timeouts.robot
    ${run} =    Run Robot    --listener    FailTaleListener:slow.yaml    timeouts.robot
    Tests Should End As Documented    ${run}
    Lists Should Be Equal    ${run.outcomes}    ${plain.outcomes}
    FOR    ${name}    IN    Fails With Little Time Left    Runs Into Its Timeout    Fails In Its Last Moment
        ${report} =    Report Of    ${run}    ${name}
        Item Should Contain    ${report}    here/slow    after all
    END

After A Fatal Error Only The Failing Test Is Told
    ${run} =    Run Robot    @{LOCAL}    fatal.robot
    Tests Should End As Documented    ${run}
    Told Should Be    ${run}    Ends The Run


*** Keywords ***
Run All Moments
    [Documentation]    The same suites with the listener and without it.
    ${WATCHED} =    Run Robot    @{MOMENTS}    moments
    VAR    ${WATCHED} =    ${WATCHED}    scope=SUITE
    ${PLAIN} =    Run Robot    moments
    VAR    ${PLAIN} =    ${PLAIN}    scope=SUITE
