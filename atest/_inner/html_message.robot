*** Settings ***
Documentation    A test whose message is HTML, and whose log tries to become a part of it.

Library          Product.py


*** Test Cases ***
Page Is Shown
    Log Line    ERROR web has no room for an order <img src=x onerror="document.title='harmed'">
    Fail    *HTML* <b>web</b> has no room
