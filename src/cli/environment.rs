//! The variables of the environment that count, for the man page. They are read in `command`.

/// Each with what it says.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("http_proxy", "the proxy for ws://, as -x takes it; in lower case only, as in curl"),
    ("https_proxy, HTTPS_PROXY", "the proxy for wss://; the first one that is set counts"),
    ("all_proxy, ALL_PROXY", "the proxy for both, where there is no other"),
    ("no_proxy, NO_PROXY", "hosts that are reached without one, as --noproxy takes them"),
    ("CURL_CA_BUNDLE", "the file of trusted authorities, unless --cacert or --capath is given"),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        "the file and the folder of them, unless CURL_CA_BUNDLE is set",
    ),
    (
        "SSLKEYLOGFILE",
        "a file to which the keys of TLS sessions are added, so that a recording of the network can be read; for tests only",
    ),
    ("NETRC", "the file of --netrc, in place of ~/.netrc"),
    ("HOME", "where ~/.netrc and ~/.local/state are"),
    ("XDG_STATE_HOME", "where lines are kept that were typed at the prompt"),
    ("NO_COLOR", "no colours with --color auto, if it is set and not empty"),
    ("TERM", "the same, if it is dumb; then lines cannot be edited either"),
];
