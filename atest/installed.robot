*** Settings ***
Documentation    In an editable install and from a checkout the same three names work: the listener, the library and
...              the resource. That they work from the wheel is seen when a release is tried (utest/test_release.py).

Resource         atest.resource
Library          lib/Installations.py


*** Variables ***
${ROOT}     ${{ pathlib.Path($INNER).parents[1] }}
@{NAMES}    --listener    FailTaleListener:local.yaml    imports.robot    resource.robot


*** Test Cases ***
The Editable Install Works
    ${directory} =    New Run Directory
    ${python} =    New Environment    ${directory / 'environment'}    --editable    ${ROOT}
    Names Should Work    ${python}    ${directory}
    ${place} =    Where Is    ${python}    FailTaleListener
    Should Be Equal    ${place}    ${ROOT}/listeners/FailTaleListener.py

A Checkout Works Without Being Installed
    ${directory} =    New Run Directory
    ${python} =    New Environment    ${directory / 'environment'}
    ${place} =    Where Is    ${python}    FailTaleLibrary
    Should Be Empty    ${place}
    Names Should Work    ${python}    ${directory}
    ...    --pythonpath    ${ROOT}:${ROOT}/listeners:${ROOT}/resources


*** Keywords ***
Names Should Work
    [Documentation]    Listener, library and resource are found, and a failure is told.
    [Arguments]    ${python}    ${directory}    @{options}
    ${run} =    Run Robot There    ${python}    ${directory}    @{options}    @{NAMES}
    Tests Should End As Documented    ${run}
    Told Should Be    ${run}    Evidence Is Collected    Evidence Is Collected    Evidence Is Collected In The Teardown
    Should Be Empty    ${run.result.errors.messages}
