*** Settings ***
Documentation    What is secret in the test, in the environment or in the configuration leaves the hosts' logs before
...              anybody can read them: in output.xml, in log.html and in bundles.

Resource         atest.resource

Suite Setup      Leak Secrets


*** Variables ***
${PASSWORD}      ${{ secrets.token_urlsafe(9) }}/+"<&${{ secrets.token_urlsafe(6) }}
${KEY}           ${{ secrets.token_urlsafe(9) }}'>%;${{ secrets.token_urlsafe(6) }}
${MARKED}        ${{ secrets.token_urlsafe(9) }}?=,!${{ secrets.token_urlsafe(6) }}
${CONFIGURED}    ${{ secrets.token_urlsafe(9) }}
${LEAKED}        Secrets In The Product's Log
${SAID}          A Secret In The Message And In Arguments


*** Test Cases ***
Robot Variables Named Like Secrets Are Removed
    Secret Should Be Gone    ${PASSWORD}
    Secret Should Be Gone    ${KEY}

Robot's Secret Values Are Removed
    Secret Should Be Gone    ${MARKED}

Secrets Of The Configuration Are Removed
    Secret Should Be Gone    ${CONFIGURED}

The Rest Of The Line Stays
    ${report} =    Report Of    ${RUN}    ${LEAKED}
    Item Should Contain    ${report}    web1/log    ERROR cannot log in with
    ${item} =    Item Of    ${report}    web1/log
    Should Not Be Empty    ${item.redactions}

A Message And Its Arguments Are Told Without Their Secret
    ${report} =    Report Of    ${RUN}    ${SAID}
    Nothing Should Hold    ${report}    secret=${PASSWORD}
    Should Contain    ${report.failure.message}    login with
    ${cards} =    Cards In Test    ${RUN}    ${SAID}
    Should Not Contain    ${cards}[0]    ${PASSWORD}

Bundles Hold No Secret And Are For Their Owner Only
    Length Should Be    ${RUN.bundles}    2
    FOR    ${secret}    IN    ${PASSWORD}    ${KEY}    ${MARKED}    ${CONFIGURED}
        Nothing Should Hold    ${RUN.directory / 'failtale'}    secret=${secret}
    END
    ${folders}    ${files} =    Modes Below    ${RUN.directory / 'failtale'}
    Should Be Equal    ${folders}    ${{ {0o700} }}
    Should Be Equal    ${files}    ${{ {0o600} }}


*** Keywords ***
Leak Secrets
    [Documentation]    The product writes all secrets into its log; two tests fail.
    ${RUN} =    Run Robot    --listener    FailTaleListener:secrets.yaml    secrets.robot
    ...    ACCOUNT_PASSWORD=${PASSWORD}    API_KEY_VALUE=${KEY}    MARKED=${MARKED}    CONFIGURED=${CONFIGURED}
    VAR    ${RUN} =    ${RUN}    scope=SUITE
    Tests Should End As Documented    ${RUN}
    ${ONE} =    Run Robot    --listener    FailTaleListener:secrets.yaml    --exclude    said    secrets.robot
    ...    ACCOUNT_PASSWORD=${PASSWORD}    API_KEY_VALUE=${KEY}    MARKED=${MARKED}    CONFIGURED=${CONFIGURED}
    VAR    ${ONE} =    ${ONE}    scope=SUITE

Secret Should Be Gone
    [Documentation]    The product's log holds it; what only FailTale could have brought it into does not.
    [Arguments]    ${secret}
    Run Keyword And Expect Error    The secret is in:*
    ...    Nothing Should Hold    ${ONE.directory / 'web.log'}    secret=${secret}
    ${report} =    Report Of    ${ONE}    ${LEAKED}
    Nothing Should Hold
    ...    ${report}
    ...    ${ONE.output}
    ...    ${ONE.log}
    ...    ${ONE.directory / 'failtale'}
    ...    secret=${secret}
