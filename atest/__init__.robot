*** Settings ***
Documentation    What FailTale promises, each promise tried on real runs of Robot Framework.
...
...              Each suite runs ``robot`` on inner suites, in ``_inner``, whose tests fail on purpose; Robot by
...              itself does not look into a folder with such a name. Every inner run keeps its own ``log.html``
...              below ``runs/`` in the output directory, and a link to it stands in the log.
