*** Settings ***
Documentation     Real SSH hosts with every fault: each is told in plain words and costs only itself; the others
...               answer.

Resource          atest.resource
Library           lib/SshHosts.py

Suite Setup       Ask Faulty Hosts
Suite Teardown    Stop Hosts


*** Test Cases ***
Results Are As Without FailTale
    Tests Should End As Documented    ${RUN}
    Told Should Be    ${RUN}    Everything Is Wrong    Fails Before The Reboot    Fails After The Reboot

A Host That Is Well Answers
    Item Should Contain    ${FAULTS}    well/alive    alive

A Port Without A Server Refuses
    ${gap} =    Gap Of    ${FAULTS}    refused
    Should Be Equal    ${gap.reason}    refused

A Silent Port Costs Its Time Limit
    ${gap} =    Gap Of    ${FAULTS}    silent
    Should Be Equal    ${gap.reason}    no answer
    Should Contain    ${gap.detail}    2 s
    Should Be True    ${gap.elapsed_s} < 120

A Changed Host Key Is Shown With Both Fingerprints
    ${gap} =    Gap Of    ${FAULTS}    changed-key
    Should Be Equal    ${gap.reason}    host key changed
    ${server} =    Server Of    changed-key
    ${known} =    Get File    ${server.directory}/known_key
    Should Contain    ${gap.detail}    ${server.fingerprint}
    Should Contain    ${gap.detail}    ${known}

An Unknown Host Key Is Not Trusted
    ${gap} =    Gap Of    ${FAULTS}    unknown-key
    Should Be Equal    ${gap.reason}    unknown host key
    ${server} =    Server Of    unknown-key
    Should Contain    ${gap.detail}    ${server.fingerprint}
    Should Be Equal    ${server.logins_seen}    ${0}

A Refused Key Is Not Tried Again
    ${gap} =    Gap Of    ${FAULTS}    wrong-user-key
    Should Be Equal    ${gap.reason}    authentication refused
    ${server} =    Server Of    wrong-user-key
    Should Be Equal    ${server.connections_seen}    ${1}

A Locked Account Is Refused
    IF    not ${{os.geteuid() == 0}}
        Skip    Only root can make an account to lock.
    END
    ${gap} =    Gap Of    ${FAULTS}    locked
    Should Be Equal    ${gap.reason}    authentication refused
    ${server} =    Server Of    locked
    Should Contain    ${{'\\n'.join($server.log)}}    account is locked

One Session At A Time Is Enough
    Item Should Contain    ${FAULTS}    one-session/alive    alive

A Missing Command Is Named
    ${gap} =    Gap Of    ${FAULTS}    odd    missing
    Should Be Equal    ${gap.reason}    command not found
    Should Contain    ${gap.detail}    no-such-command

An Exit Status Is Told Beside The Output
    ${item} =    Item Of    ${FAULTS}    odd/status
    Should Be Equal    ${item.status}    failed
    Should Be Equal    ${item.exit_status}    ${3}
    Should Contain    ${item.text}    said before

A Hung Command Is Ended
    ${gap} =    Gap Of    ${FAULTS}    odd    hung
    Should Be Equal    ${gap.reason}    timed out
    ${item} =    Item Of    ${FAULTS}    odd/half
    Should Be True    ${item.timed_out}
    Should Contain    ${item.text}    said before
    No Command Should Be Left    sleep 611

Endless Output Is Cut And Ended
    ${item} =    Item Of    ${FAULTS}    odd/endless
    Should Be True    ${item.timed_out}
    Should Be True    0 < len($item.text) <= 65536
    No Command Should Be Left    yes endless

Of A Hundred Megabytes The Newest Are Kept
    ${item} =    Item Of    ${FAULTS}    odd/huge
    Should End With    ${item.text.rstrip()}    the very end
    Should Be True    len($item.text) <= 65536
    Should Be True    ${item.omitted_bytes} > 98000000

Megabytes On Standard Error Do Not Stall
    ${item} =    Item Of    ${FAULTS}    odd/stderr
    Should Be Equal    ${item.text.strip()}    done
    Should Be True    0 < len($item.stderr) <= 4096

Any Bytes Become Readable Text
    ${item} =    Item Of    ${FAULTS}    odd/binary
    Should Not Be Empty    ${item.text}
    Item Should Contain    ${FAULTS}    odd/invalid    tea
    Item Should Contain    ${FAULTS}    odd/surrogate    surrogate
    Item Should Contain    ${FAULTS}    odd/ansi    red bell
    Item Should Contain    ${FAULTS}    odd/markup    </script><script>alert(1)</script>]]><b>bold</b>
    Card Should Say    ${RUN}    Everything Is Wrong    </script><script>alert(1)</script>]]><b>bold</b>

A Server That Is Killed In Mid-Collection Costs One Item
    Item Should Contain    ${FAULTS}    killed/first    alive
    ${item} =    Item Of    ${FAULTS}    killed/second
    Should Be Equal    ${item.text.strip()}    half
    Should Contain    ${item.incomplete}    connection lost
    Item Should Contain    ${FAULTS}    killed/third    alive again
    No Command Should Be Left    sleep 601

A Network That Falls Silent Costs Its Time Limit
    Item Should Contain    ${FAULTS}    frozen/first    alive
    ${item} =    Item Of    ${FAULTS}    frozen/second
    Should Be Equal    ${item.text.strip()}    half
    Should Contain    ${item.incomplete}    silent
    Should Be True    ${item.duration_s} < 120

The Ledger Names Every Fault
    Card Should Say    ${RUN}    Everything Is Wrong
    ...    refused    no answer    host key changed    unknown host key    authentication refused
    ...    command not found    timed out    failed    connection lost

A Host That Rebooted Between Two Failures Answers Both
    ${before} =    Report Of    ${RUN}    Fails Before The Reboot
    Item Should Contain    ${before}    rebooted/log    disk is going
    ${after} =    Report Of    ${RUN}    Fails After The Reboot
    Item Should Contain    ${after}    rebooted/log    disk is gone
    Item Should Not Contain    ${after}    rebooted/log    disk is going
    Should Be Equal    ${after.evidence.cost.connections}    ${1}

A Green Run Without Marks Touches No Host
    ${directory} =    New Run Directory
    ${configuration} =    Start Hosts    untouched.yaml    ${directory}
    ${run} =    Run Robot    --listener    FailTaleListener:${configuration}    green.robot    directory=${directory}
    Tests Should End As Documented    ${run}
    ${server} =    Server Of    untouched
    Should Be Equal    ${server.connections_seen}    ${0}

Fifty Failures With A Dead Host Cost One Attempt
    ${directory} =    New Run Directory
    ${configuration} =    Start Hosts    dead.yaml    ${directory}
    ${run} =    Run Robot
    ...    --listener    FailTaleListener:${configuration}    --prerunmodifier    Fifty.py    fifty.robot
    ...    directory=${directory}
    Tests Should End As Documented    ${run}
    Length Should Be    ${run.told}    50
    A Dead Host Should Be Tried Once A Minute At Most    ${run}
    FOR    ${report}    IN    @{run.reports}
        Item Should Contain    ${report}    here/alive    alive
        ${gap} =    Gap Of    ${report}    silent
        Should Be Equal    ${gap.reason}    no answer
    END
    ${server} =    Server Of    here
    Should Be Equal    ${server.logins_seen}    ${1}


*** Keywords ***
A Dead Host Should Be Tried Once A Minute At Most
    [Documentation]    Whoever finds it dead waits for its connection; all others are told so at once.
    [Arguments]    ${run}
    ${dead} =    Evaluate    [g for r in $run.reports for g in r.evidence.gaps if g.reason == 'no answer']
    ${tried} =    Evaluate    [gap for gap in $dead if 'not tried again' not in gap.detail]
    Should Be True    len($tried) <= 1 + $run.seconds // 60

Ask Faulty Hosts
    [Documentation]    All faults in one run.
    ${directory} =    New Run Directory
    ${configuration} =    Start Hosts    faults.yaml    ${directory}
    ${RUN} =    Run Robot    --listener    FailTaleListener:${configuration}    faults.robot    directory=${directory}
    VAR    ${RUN} =    ${RUN}    scope=SUITE
    ${FAULTS} =    Report Of    ${RUN}    Everything Is Wrong
    VAR    ${FAULTS} =    ${FAULTS}    scope=SUITE

No Command Should Be Left
    [Documentation]    Nothing on this machine runs this command line any more.
    [Arguments]    ${command}
    Wait Until Keyword Succeeds    60 s    0.2 s    No Process Should Run    ${command}
