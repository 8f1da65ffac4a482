*** Settings ***
Documentation     A customer's day at a small shop. Four of these tests fail, and none of them can say why:
...               the customer sees web only, the causes arose on api1 and storage1.
...               The suite's teardown empties all logs; by then FailTale has read them.

Library           ShopKeywords.py

Suite Teardown    Clear Logs


*** Test Cases ***
Shop Is Open
    [Documentation]    Passes: nothing is collected, nothing is written.
    Get Health

Unknown Product Is Not Found
    [Documentation]    Passes, although every log is full of errors by now: they are always there.
    Look For Unknown Product    unicorn

Order Can Be Paid
    [Documentation]    Passes: the same keywords as in "Another Order Can Be Paid".
    Buy    mug

Placed Orders Are Listed
    [Documentation]    Fails; its own teardown empties storage1's logs before anybody can look.
    ${first}=    Place Order    mug
    ${second}=    Place Order    book
    Orders Should Be Listed    ${first}    ${second}
    [Teardown]    Clear Logs    storage1

Cart Costs What The Product Page Says
    [Documentation]    Fails; the line that explains it is no error in anybody's eyes.
    ${price}=    Get Price    book
    ${total}=    Fill Cart    book
    Should Be Equal    ${total}    ${price}

Another Order Can Be Paid
    [Documentation]    Fails on the way that "Order Can Be Paid" went without trouble.
    Buy    book

Customer Can Log In
    [Documentation]    Fails with the right password, which FailTale does not show.
    Log In    alice    %{SHOP_PASSWORD}


*** Keywords ***
Buy
    [Documentation]    Order a product and pay it.
    [Arguments]    ${product}
    ${order}=    Place Order    ${product}
    Check Out    ${order}

Orders Should Be Listed
    [Documentation]    Pass when all these orders are in the customer's list.
    [Arguments]    @{expected}
    ${orders}=    Get Orders
    FOR    ${order}    IN    @{expected}
        Should Contain    ${orders}    ${order}
    END
