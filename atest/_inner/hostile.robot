*** Settings ***
Documentation    A product whose log tries to do harm to whoever reads it.

Library          Product.py


*** Test Cases ***
Customer Cannot Pay
    [Documentation]    FAIL: <b>503</b> Service Unavailable
    Log Line    INFO order of a mug
    Attack The Reader
    Log Line    ERROR no connection to storage1: too many connections
    Log Line    all is well    db.log
    Order Is Paid    mug


*** Keywords ***
Order Is Paid
    [Documentation]    The way down to the failure.
    [Arguments]    ${product}
    Should Not Be Empty    ${product}
    Fail    <b>503</b> Service Unavailable
