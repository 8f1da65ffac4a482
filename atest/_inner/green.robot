*** Settings ***
Documentation    Nothing fails, so nothing should be felt of the listener.

Library          Product.py


*** Test Cases ***
Passes
    [Documentation]    PASS
    Log Line    ERROR nobody cares about
    TRY
        Fail    handled
    EXCEPT    handled
        No Operation
    END

Nothing Heavy Has Been Imported
    [Documentation]    PASS
    ${heavy} =    Heavy Imports
    Should Be Empty    ${heavy}
