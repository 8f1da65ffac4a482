*** Settings ***
Documentation    FailTale beside the tools and options that people use with Robot Framework.

Resource         atest.resource

Suite Setup      Run Two Failures


*** Variables ***
@{LOCAL_ANYWHERE}    --listener    FailTaleListener:${INNER}/local.yaml


*** Test Cases ***
RetryFailed Behind The Listener: Each Attempt Is Told
    ${run} =    Run Robot    @{LOCAL}    --listener    RetryFailed:1:True    twice.robot
    Attempts Should Be Told    ${run}

RetryFailed Ahead Of The Listener: Each Attempt Is Told
    ${run} =    Run Robot    --listener    RetryFailed:1:True    @{LOCAL}    twice.robot
    Attempts Should Be Told    ${run}

RetryFailed Drops Attempts From The Output And Their Bundles Stay
    ${run} =    Run Robot    @{LOCAL}    --listener    RetryFailed:1    twice.robot
    Told Should Be    ${run}    Fails Always
    ${attempts} =    Evaluate    [report.failure.attempt for report in $run.reports]
    Should Be Equal    ${attempts}    ${{[2]}}
    Length Should Be    ${run.bundles}    3

Pabot Merges What Its Processes Told
    ${run} =    Run Pabot    @{LOCAL_ANYWHERE}    ${INNER}/side_by_side.robot    ${INNER}/twice.robot
    Told In Any Order    ${run}    Left Fails    Right Fails    Fails At First    Fails Always
    ${run} =    Run Pabot    --testlevelsplit    @{LOCAL_ANYWHERE}    ${INNER}/side_by_side.robot
    Told In Any Order    ${run}    Left Fails    Right Fails

Rebot Keeps The Cards From XML To JSON And Back
    ${json} =    Run Rebot    --output    output.json    ${TWO.output}
    Reports Should Be Those Of    ${json}    ${TWO}
    ${xml} =    Run Rebot    --output    output.xml    ${json.output}
    Reports Should Be Those Of    ${xml}    ${TWO}

Rebot Merges A Rerun
    ${rerun} =    Run Robot    @{LOCAL}    --rerunfailed    ${TWO.output}    side_by_side.robot
    ${merged} =    Run Rebot    --merge    --output    output.xml    ${TWO.output}    ${rerun.output}
    Reports Should Be Those Of    ${merged}    ${rerun}

The JSON Output And A Split Log Have The Cards
    ${run} =    Run Robot    @{LOCAL}    --splitlog    --output    output.json    side_by_side.robot
    Told Should Be    ${run}    Left Fails    Right Fails
    File Should Exist    ${run.directory}/log-1.js
    ${cards} =    Cards In Test    ${run}    Left Fails
    Length Should Be    ${cards}    1

Passing Keywords May Be Removed
    ${run} =    Run Robot    @{LOCAL}    --removekeywords    PASSED    --output    output.xml    side_by_side.robot
    ${rebot} =    Run Rebot    --removekeywords    PASSED    --output    output.xml    ${run.output}
    Reports Should Be Those Of    ${rebot}    ${run}

A Higher Log Level Keeps The Cards Out And The Console Says So
    ${run} =    Run Robot    @{LOCAL}    --loglevel    WARN    side_by_side.robot
    Told Should Be    ${run}
    Should Contain    ${run.stderr}    2 cards not in the log because of --loglevel
    Length Should Be    ${run.bundles}    2

Nothing Is Told In A Dry Run
    ${run} =    Run Robot    @{LOCAL}    --dryrun    side_by_side.robot
    Should Be Equal    ${run.status}    ${0}
    Should Be Empty    ${run.stderr}
    Told Should Be    ${run}

Tasks Are Told
    ${run} =    Run Robot    @{LOCAL}    --rpa    tasks.robot
    Tests Should End As Documented    ${run}
    Told Should Be    ${run}    Deliver The Parcel

With Exit On Failure The First Failure Is Told
    ${run} =    Run Robot    @{LOCAL}    --exitonfailure    side_by_side.robot
    Told Should Be    ${run}    Left Fails

With Exit On Error A Silent Host Does Not End The Run
    ${run} =    Run Robot    --listener    FailTaleListener:gone.yaml    --exitonerror    side_by_side.robot
    Tests Should End As Documented    ${run}
    Told Should Be    ${run}    Left Fails    Right Fails
    Should Contain    ${run.stderr}    (2 items missing)

After Ctrl C The Test Is Told And The Output Is Whole
    ${run} =    Run Robot Until Interrupted    @{LOCAL}    interrupted.robot    after=waiting
    Tests Should End As Documented    ${run}
    Told Should Be    ${run}    Waits For Ever
    Should Be True    ${run.seconds} < 300


*** Keywords ***
Run Two Failures
    [Documentation]    The output that rebot gets.
    ${TWO} =    Run Robot    @{LOCAL}    side_by_side.robot
    VAR    ${TWO} =    ${TWO}    scope=SUITE
    Told Should Be    ${TWO}    Left Fails    Right Fails

Attempts Should Be Told
    [Documentation]    Both attempts of both tests were told, each with its own number.
    [Arguments]    ${run}
    ${attempts} =    Evaluate    [(report.failure.name, report.failure.attempt) for report in $run.reports]
    Should Be Equal
    ...    ${attempts}
    ...    ${{[('Fails At First', 1), ('Fails Always', 1), ('Fails Always', 2)]}}

Told In Any Order
    [Documentation]    Exactly these failures were told.
    [Arguments]    ${run}    @{names}
    Lists Should Be Equal    ${run.told}    ${names}    ignore_order=True

Reports Should Be Those Of
    [Documentation]    Two outputs carry the same reports.
    [Arguments]    ${run}    ${other}
    Should Be Equal    ${run.reports}    ${other.reports}
    Should Not Be Empty    ${run.reports}
