*** Settings ***
Documentation    A mistake in the configuration is seen at once and harms nothing; one configuration serves a run.

Resource         atest.resource


*** Test Cases ***
A Missing File Switches The Listener Off Visibly
    ${run} =    Run Robot    --listener    FailTaleListener:nowhere.yaml    side_by_side.robot
    Listener Should Be Off    ${run}    nowhere.yaml

All Mistakes Are Told Together, On The Console And In The Log, And Are No Error To Exit On
    ${run} =    Run Robot    --exitonerror    --listener    FailTaleListener:broken.yaml    side_by_side.robot
    Listener Should Be Off    ${run}    broken.yaml:4    broken.yaml:8    'wbe'
    VAR    ${message} =    ${run.result.errors.messages[0]}
    Should Be Equal    ${message.level}    WARN
    Should Contain    ${message.message}    FailTale is switched off for this run

A Missing Variable Is A Mistake
    ${run} =    Run Robot    --listener    FailTaleListener:variable.yaml    side_by_side.robot
    Listener Should Be Off    ${run}    NOT_SET_ANYWHERE

Without Any Configuration The Listener Is Off
    ${run} =    Run Robot    --listener    FailTaleListener    side_by_side.robot
    Listener Should Be Off    ${run}    FAILTALE_CONFIG

A Strict Listener Stops The Run
    ${run} =    Run Robot    --listener    FailTaleListener:broken.yaml:strict\=yes    side_by_side.robot
    Should Be Equal    ${run.status}    ${253}
    Should Be Empty    ${run.stdout}
    Should Contain    ${run.stderr}    broken.yaml:4
    File Should Not Exist    ${run.log}

The Environment Names The Configuration
    ${run} =    Run Robot    --listener    FailTaleListener    side_by_side.robot    FAILTALE_CONFIG=local.yaml
    Told Should Be    ${run}    Left Fails    Right Fails

The Listener's Argument Comes Before The Environment
    ${run} =    Run Robot    @{LOCAL}    side_by_side.robot    FAILTALE_CONFIG=broken.yaml
    Told Should Be    ${run}    Left Fails    Right Fails

The Import's Argument Comes Before The Environment
    ${run} =    Run Robot    imports.robot    CONFIG=local.yaml    FAILTALE_CONFIG=broken.yaml
    Tests Should End As Documented    ${run}
    Told Should Be    ${run}    Evidence Is Collected

An Import Without Argument Uses The Listener's Configuration, And A Failure Is Told Once
    ${run} =    Run Robot    @{LOCAL}    resource.robot    FAILTALE_CONFIG=broken.yaml
    Tests Should End As Documented    ${run}
    Told Should Be    ${run}    Evidence Is Collected    Evidence Is Collected In The Teardown

The Same Configuration May Be Named Twice
    ${run} =    Run Robot    @{LOCAL}    imports.robot    CONFIG=local.yaml
    Tests Should End As Documented    ${run}
    Should Be Empty    ${run.result.errors.messages}

Two Different Configurations Are An Error
    ${run} =    Run Robot    @{LOCAL}    imports.robot    CONFIG=moments.yaml
    VAR    ${message} =    ${run.result.errors.messages[0].message}
    Should Contain    ${message}    local.yaml
    Should Contain    ${message}    moments.yaml
    Should Contain    ${message}    name the same file


*** Keywords ***
Listener Should Be Off
    [Documentation]    The console says why, each text is in it, and the run went on as without the listener.
    [Arguments]    ${run}    @{texts}
    Tests Should End As Documented    ${run}
    Told Should Be    ${run}
    Should Contain    ${run.stderr}    FailTale is switched off for this run
    FOR    ${text}    IN    @{texts}
        Should Contain    ${run.stderr}    ${text}
    END
