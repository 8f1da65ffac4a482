*** Settings ***
Documentation    Lines without any time: only positions in the file tell which test they belong to.

Library          Product.py


*** Test Cases ***
Fails Over Old News
    [Documentation]    FAIL: old
    Raw Line    ERROR old news
    Fail    old
    [Teardown]    Sleep    1.2 s

Fails Over Fresh News
    [Documentation]    FAIL: fresh
    Sleep    0.5 s    the host notes how long its log is
    Raw Line    ERROR fresh news
    Fail    fresh
