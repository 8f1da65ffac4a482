"""Tokens that a provider gives a prefix of its own: they are known by it wherever they stand."""

from __future__ import annotations

from FailTaleLibrary.redaction.patterns import Family
from FailTaleLibrary.redaction.values import is_random

_B = r"(?:^|[^A-Za-z0-9])"  # no letter or digit before: RE2 knows no look-behind
PREFIXES = "|".join(
    (
        r"gh[pousr]_[A-Za-z0-9]{20,}",
        r"github_pat_[A-Za-z0-9_]{20,}",
        r"gl(?:pat|ptt|dt|rt|cbt|ft|soat|agent|imt|ffct|rtr)-[A-Za-z0-9_.=-]{16,}",
        r"GR1348941[A-Za-z0-9_-]{16,}",
        r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}",
        r"xapp-[0-9]-[A-Za-z0-9-]{10,}",
        r"xwfp-[A-Za-z0-9-]{10,}",
        r"sk-(?:ant|proj|svcacct|admin|or|lf)-[A-Za-z0-9_-]{10,}",
        r"sk-[A-Za-z0-9]{20,}",
        r"(?:sk|rk|pk)_(?:live|test|prod)_[A-Za-z0-9]{10,}",
        r"whsec_[A-Za-z0-9+/=]{16,}",
        r"(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z0-9]{12,20}",
        r"AIza[A-Za-z0-9_-]{30,}",
        r"ya29\.[A-Za-z0-9_-]{10,}",
        r"1//0[A-Za-z0-9_-]{20,}",
        r"GOCSPX-[A-Za-z0-9_-]{16,}",
        r"npm_[A-Za-z0-9]{20,}",
        r"pypi-[A-Za-z0-9_-]{16,}",
        r"do[opr]_v1_[a-f0-9]{20,}",
        r"hv[sbr]\.[A-Za-z0-9_-]{12,}",
        r"SG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
        r"key-[0-9a-f]{32}",
        r"EAACEdEose0cBA[A-Za-z0-9]+",
        r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{16,}",
        r"sq0[a-z]{3}-[A-Za-z0-9_-]{16,}",
        r"EAAA[A-Za-z0-9_-]{56,}",
        r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{16,}",
        r"AT[AC]TT3[A-Za-z0-9_=-]{16,}",
        r"ATBB[A-Za-z0-9_=]{20,}",
        r"lin_(?:api|oauth)_[A-Za-z0-9]{16,}",
        r"gls?[ac]_[A-Za-z0-9+/=_]{16,}",
        r"glc_[A-Za-z0-9+/=]{20,}",
        r"NRA[KA]-[A-Z0-9]{16,}",
        r"NRJS-[a-f0-9]{16,}",
        r"AGE-SECRET-KEY-1[A-Z0-9]{20,}",
        r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{30,}",
        r"PMAK-[a-f0-9]{20,}-[a-f0-9]{20,}",
        r"figd_[A-Za-z0-9_-]{20,}",
        r"hf_[A-Za-z0-9]{20,}",
        r"r8_[A-Za-z0-9]{30,}",
        r"gsk_[A-Za-z0-9]{20,}",
        r"xai-[A-Za-z0-9]{20,}",
        r"pplx-[A-Za-z0-9]{20,}",
        r"tskey-[a-z]+-[A-Za-z0-9-]{16,}",
        r"sntr[yu]s_[A-Za-z0-9+/=_]{20,}",
        r"dapi[a-f0-9]{32}(?:-\d)?",
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9._-]{20,}",
        r"rubygems_[a-f0-9]{20,}",
        r"AccountKey=[A-Za-z0-9+/=]{20,}",
        r"pul-[a-f0-9]{30,}",
        r"ops_eyJ[A-Za-z0-9_-]{20,}",
        r"ntn_[A-Za-z0-9]{30,}",
        r"PRIVATE-TOKEN-[A-Za-z0-9]+",
        r"FLWSECK[_-][A-Za-z0-9_-]{10,}",
        r"phc_[A-Za-z0-9]{30,}",
        r"ph[sx]_[A-Za-z0-9]{30,}",
        r"SK[a-f0-9]{32}",
        r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
        r"\d{8,10}:AA[A-Za-z0-9_-]{32,}",
        r"eyJ[A-Za-z0-9_-]{8,}\.(?:eyJ)?[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){1,3}",
        r"HRKU-[0-9A-Za-z_-]{30,}",
        r"CFPAT-[A-Za-z0-9_-]{30,}",
        r"vercel_[A-Za-z0-9]{20,}",
        r"fo1_[A-Za-z0-9_-]{30,}",
        r"fm[12]_[A-Za-z0-9+/=_-]{30,}",
        r"LTAI[A-Za-z0-9]{12,24}",
        r"squ_[a-f0-9]{40}|sqp_[a-f0-9]{40}|sqa_[a-f0-9]{40}",
        r"glrt-[A-Za-z0-9_-]{16,}",
        r"patat?[A-Za-z0-9]{14}\.[a-f0-9]{64}",
        r"pat[A-Za-z0-9]{14}\.[a-f0-9]{40,}",
        r"amzn\.(?:mws|oauth)\.[a-z0-9.-]{20,}",
        r"rnd_[A-Za-z0-9]{20,}",
    )
)

# Too short a prefix to tell alone: what follows must look random.
WEAK_PREFIXES = (
    r"s\.[A-Za-z0-9]{24}|secret_[A-Za-z0-9]{32,}|cio[A-Za-z0-9]{32}|oy2[a-z0-9]{43}"
    r"|EAA[A-Za-z0-9]{60,}|AKCp[A-Za-z0-9]{40,}"
)

PROVIDERS: Family = (
    ("provider token", "", _B + r"(?P<secret>" + PREFIXES + ")", bool),
    (
        "provider token",
        "",
        r"(?:^|[\s\"'=:,\[(])(?P<secret>" + WEAK_PREFIXES + r")(?:[^A-Za-z0-9]|$)",
        lambda value: is_random(value) and any(map(str.isdigit, value)),
    ),
)
