*** Settings ***
Documentation    A robot that is no test.


*** Tasks ***
Deliver The Parcel
    [Documentation]    FAIL: nobody at home
    Fail    nobody at home
