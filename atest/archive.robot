*** Settings ***
Documentation    What a card shows can be read back by any tool, and a bundle keeps all of it.

Resource         atest.resource

Suite Setup      Leave An Output And Bundles


*** Test Cases ***
Show Prints The Records As JSON
    ${shown} =    Run Failtale    show    --json    ${RUN.output}
    Should Be Equal    ${shown.status}    ${0}
    ${records} =    Evaluate    json.loads($shown.stdout)
    ${expected} =    Evaluate    [report.model_dump(mode='json') for report in $RUN.reports]
    Should Be Equal    ${records}    ${expected}

Show Prints One Failure As Text
    ${shown} =    Run Failtale    show    --test    Left Fails    ${RUN.output}
    Should Be Equal    ${shown.status}    ${0}
    Should Contain    ${shown.stdout}    Left Fails
    Should Contain    ${shown.stdout}    ERROR left
    Should Not Contain    ${shown.stdout}    Right Fails

A Bundle Holds What The Card Holds
    Length Should Be    ${RUN.bundles}    2
    FOR    ${report}    IN    @{RUN.reports}
        ${shown} =    Run Failtale    show    --json    ${{ $RUN.directory / $report.bundle }}
        ${records} =    Evaluate    json.loads($shown.stdout)
        Should Be Equal    ${records}    ${{[$report.model_dump(mode='json')]}}
    END

The Card Links Its Bundle
    ${cards} =    Cards In Test    ${RUN}    Left Fails
    ${report} =    Report Of    ${RUN}    Left Fails
    Should Contain    ${cards}[0]    href="./${report.bundle}"

A Disk That Refuses The Bundle Costs The Bundle Only
    ${run} =    Run Robot    --listener    FailTaleListener:no_disk.yaml    side_by_side.robot
    Tests Should End As Documented    ${run}
    ${report} =    Report Of    ${run}    Left Fails
    Item Should Contain    ${report}    web1/log    ERROR left
    Should Be Equal    ${report.bundle}    ${None}
    Should Contain    ${report.evidence.gaps[0].detail}    no bundle was written

Show Refuses What Is No Output
    ${shown} =    Run Failtale    show    ${INNER}/local.yaml
    Should Be Equal    ${shown.status}    ${2}
    Should Contain    ${shown.stderr}    local.yaml
    Should Not Contain    ${shown.stderr}    Traceback


*** Keywords ***
Leave An Output And Bundles
    [Documentation]    Two failures in one run.
    ${RUN} =    Run Robot    @{LOCAL}    side_by_side.robot
    VAR    ${RUN} =    ${RUN}    scope=SUITE
    Told Should Be    ${RUN}    Left Fails    Right Fails
