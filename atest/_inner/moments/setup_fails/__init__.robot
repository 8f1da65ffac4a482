*** Settings ***
Documentation    The setup of this suite fails, and so does everything below it, without having run.

Library          ../../Product.py

Suite Setup      Fail Before Anything Runs


*** Keywords ***
Fail Before Anything Runs
    [Documentation]    Leaves a line in the log and fails.
    Log Line    ERROR refused to start
    Fail    the shop did not open
