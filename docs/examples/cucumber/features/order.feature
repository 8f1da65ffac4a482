Feature: Orders

  Scenario: An order is accepted
    When an order is placed
    Then the shop answers 201
