*** Settings ***
Documentation    The card in log.html, in a real browser: readable in both themes, and harmless whatever a log says.

Resource         atest.resource
Library          lib/Cards.py

Suite Setup      Fail Beside A Hostile Log


*** Variables ***
${NAME}    Customer Cannot Pay


*** Test Cases ***
The Card Is Seen As Soon As The Log Is Open
    [Template]    Card Should Be Readable
    light
    dark

Hostile Text Is Shown As Text And Does Nothing
    FOR    ${theme}    IN    light    dark
        VAR    ${card} =    ${SEEN}[${theme}]
        Should Be Equal    ${card}[scripts]    ${0}
        Should Not Contain    ${card}[title]    harmed
        Should Be Empty    ${card}[faults]
        Should Be Empty    ${card}[elsewhere]
        Should Contain    ${card}[text]    </script><script>document.title = 'harmed'</script>
        Should Contain    ${card}[text]    ]]></msg></kw></test></suite></robot>
        Should Contain    ${card}[text]    {{ card.report }} {% raw %} \${EMPTY} \%{HOME}
        Should Contain    ${card}[text]    red title
    END

Everything That The Card Shows Can Be Read Back
    ${report} =    Report Of    ${RUN}    ${NAME}
    Item Should Contain    ${report}    web1/log    ]]></msg></kw></test></suite></robot>
    ${json} =    Run Robot    @{LOCAL}    --output    output.json    hostile.robot
    ${other} =    Report Of    ${json}    ${NAME}
    ${item} =    Item Of    ${other}    web1/log
    Item Should Contain    ${report}    web1/log    ${item.text.splitlines()[2]}

The Card Tells The Way, The Hosts, The Commands And The Cost
    VAR    ${text} =    ${SEEN}[light][text]
    ${line} =    Line Number Of    hostile.robot    ${SPACE*4}Order Is Paid${SPACE*4}mug
    Should Match Regexp    ${text}    Order Is Paid\\s+mug\\s+\\S+hostile.robot:${line}
    Should Match Regexp    ${text}    web1: [0-9]+ ok
    Should Match Regexp    ${text}    log\\s+— 1[0-9] lines
    Should Match Regexp    ${text}    ran\\s+tail .*web.log'
    Should Contain    ${text}    exit status
    Should Match Regexp    ${text}    collected in [0-9.]+ m?s, (no|[0-9]+) new connections?, [0-9.]+ (bytes|kB)

A Card Keeps Its Limit And Says What It Leaves Out
    ${run} =    Run Robot    --listener    FailTaleListener:big.yaml    --test    Left Fails    side_by_side.robot
    ${cards} =    Cards In Test    ${run}    Left Fails
    Should Be True    len($cards[0].encode()) <= 20000
    ${report} =    Report Of    ${run}    Left Fails
    Card Should Say    ${run}    Left Fails    To keep under its size limit    the bundle    ${report.bundle}
    ${bundle} =    Get File    ${run.directory}/${report.bundle}/items/web1/numbers.txt
    Should Contain    ${bundle}    \n19000\n


*** Keywords ***
Fail Beside A Hostile Log
    [Documentation]    One failing test, its log open in both themes.
    ${RUN} =    Run Robot    @{LOCAL}    hostile.robot
    VAR    ${RUN} =    ${RUN}    scope=SUITE
    Tests Should End As Documented    ${RUN}
    ${light} =    Open Card    ${RUN.log}    light
    ${dark} =    Open Card    ${RUN.log}    dark
    VAR    &{SEEN} =    light=${light}    dark=${dark}    scope=SUITE

Card Should Be Readable
    [Documentation]    In its theme, with contrast, and every detail opens.
    [Arguments]    ${theme}
    VAR    ${card} =    ${SEEN}[${theme}]
    Should Be Equal    ${card}[theme]    ${theme}
    Should Contain    ${card}[text]    too many connections
    Should Be True    ${card}[closed] >= 2
    Should Be Equal    ${card}[still_closed]    ${0}
    Should Be True    min($card['contrasts']) >= 3    Contrasts: ${card}[contrasts]
