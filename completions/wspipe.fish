# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_wspipe_global_optspecs
    string join \n h/help V/version
end

function __fish_wspipe_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_wspipe_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_wspipe_using_subcommand
    set -l cmd (__fish_wspipe_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c wspipe -n "__fish_wspipe_needs_command" -s h -l help -d 'Print help'
complete -c wspipe -n "__fish_wspipe_needs_command" -s V -l version -d 'Print version'
complete -c wspipe -n "__fish_wspipe_needs_command" -f -a "connect" -d 'Send stdin message by message and print what comes'
complete -c wspipe -n "__fish_wspipe_needs_command" -f -a "send" -d 'Send messages, close, and make sure that they arrived'
complete -c wspipe -n "__fish_wspipe_needs_command" -f -a "listen" -d 'Print what comes, and never read stdin'
complete -c wspipe -n "__fish_wspipe_needs_command" -f -a "check" -d 'Play scenarios against a server, and say what did not go as they say'
complete -c wspipe -n "__fish_wspipe_needs_command" -f -a "serve" -d 'Run a server for tests, which echoes or misbehaves as told'
complete -c wspipe -n "__fish_wspipe_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s H -l header -d 'Send a request header, as in curl: \'Name: value\'; \'Name:\' takes one away, \'Name;\' sends an empty one. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l origin -d 'Send this Origin header' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l subprotocol -d 'Offer a subprotocol. May be repeated, the preferred one first' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l compress -d 'Compress messages (permessage-deflate, RFC 7692) if the server agrees' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s A -l user-agent -d 'Send this User-Agent [default: wspipe/VERSION]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s u -l user -d 'Log in with HTTP\'s Basic scheme; without a colon, the password is asked for at the terminal' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l oauth2-bearer -d 'Send this token in the Authorization header, as the Bearer scheme does (RFC 6750)' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l netrc-file -d 'The same with another file' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s b -l cookie -d 'Send cookies: \'NAME=VALUE; NAME=VALUE\', or a file with those for many hosts. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l max-redirs -d 'With -L, fail (exit 47) after so many redirects; -1 is no limit [default: 50]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l unix-socket -d 'Connect to this Unix socket in place of the URL\'s host and port' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l resolve -d 'Use these addresses for a host and port, and ask no resolver. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l connect-to -d 'Connect to another host and port than those of the URL. May be repeated; the first that fits counts' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l interface -d 'Go out by this network interface, or from this address' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l connect-timeout -d 'Give up when the session is not open after so long, the answer to the upgrade included; 0 means no limit [default: 10s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l keepalive-time -d 'Probe an idle TCP connection after so long [default: 60s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l retry -d 'Try again so often if the session cannot be opened and that may pass' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l retry-delay -d 'Pause always so long, or longer if the server asks for it; 0 means pauses that double' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l retry-max-time -d 'Begin no try later than this after the first; 0 means no limit' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s x -l proxy -d 'Go through this proxy: [SCHEME://][USER:PASSWORD@]HOST[:PORT], where SCHEME is http (without one), https, socks5 or socks5h; an empty one is no proxy' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s U -l proxy-user -d 'Log in at the proxy; without a colon, the password is asked for' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l proxy-header -d 'Send a header to the proxy, as -H does to the server. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l proxy-cacert -d 'Trust the authorities in this PEM file for the certificate of an https proxy' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l noproxy -d 'Go to these hosts without a proxy: names with those below them, addresses, networks, or *' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l cacert -d 'Trust the authorities in this PEM file, in place of the system\'s' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l capath -d 'Trust the authorities in the PEM files of this folder, in place of the system\'s' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s E -l cert -d 'Show this certificate to a server that asks for one: a PEM file, which may hold its key too' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l key -d 'The private key of --cert, in PEM and without a password' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l pinnedpubkey -d 'Only talk to a server with this public key' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l tls-max -d 'Speak no later version of TLS than 1.2 or 1.3' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l tls-server-name -d 'Ask for this host\'s certificate, whatever the URL says' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s c -l cookie-jar -d 'Write the cookies that are known at the end to a file, which -b reads; - is stdout' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l reconnect-delay -d 'Pause so long before the first try, on average [default: 1s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l reconnect-max-delay -d 'Pause no longer than this, unless the server asks for it in Retry-After; 0 means no limit [default: 30s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l reconnect-tries -d 'Give up after so many tries without a session that lasted 10 seconds; 0 means no limit [default: 0]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l reconnect-on -d 'Open the session again also after these close codes, or statuses from 400 to 499' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s d -l data -d 'Send a message; @FILE sends the bytes of a file unchanged, @- those of stdin. May be repeated, each is one message' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l data-raw -d 'Send a message; @ has no meaning. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l decode -d 'Decode each message before it is sent, as binary (with --text, as text)' -r -f -a "hex\t'Two hexadecimal digits a byte'
base64\t'RFC 4648 section 4, with or without padding'"
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l delimiter -d 'A message is what stands between two such strings; escapes: \\n \\r \\t \\0 \\\\ \\xHH' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l chunk -d 'A message is so many bytes; implies --binary, and with --text ends after a whole character' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l only-from -d 'Of the records in --jsonl input, take only one side\'s' -r -f -a "us\t'What this program sent'
peer\t'What the other end sent'"
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l format -d 'Write messages in this format [default: text; with --binary, --stream or --chunk, raw where stdout is no terminal]' -r -f -a "text\t'The payload and a newline; binary as hex'
raw\t'The payload and nothing else'
hex\t'Two hexadecimal digits a byte, and a newline'
hexdump\t'Lines of offset, 16 bytes and their characters; the last line is the length'
base64\t'Base64 and a newline'
length\t'A 4-byte big-endian length and the payload'
jsonl\t'One record (a JSON object) a line for everything that comes: open, message, ping, pong, close, failure'"
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s o -l output -d 'Write to a file in place of stdout; - is stdout' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l color -d 'Colour the JSON of --pretty and the times of --timestamps' -r -f -a "auto\t'Where the output is a terminal, unless NO_COLOR is set and not empty, or TERM is dumb'
always\t'In a pipe and a file too'
never\t'Nowhere'"
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s w -l write-out -d 'Print at the end what the format says, as in curl: %{exitcode}, %{close_code}, %{messages_in}, %{json} and others; \\n, \\t, %%; @FILE reads the format from a file' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s D -l dump-header -d 'Write the head of the server\'s answer to the opening handshake to a file, those of a proxy and of redirects too; - is stdout' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l trace-frames -d 'Write every frame that passes, both ways and complete, to a file as records, one a line' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l record -d 'Write the whole session to a file as records, both ways and as it happens' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s n -l count -d 'End after so many messages received; 0 ends once the session is open' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s m -l max-time -d 'Fail (exit 28) when the whole run takes longer, with --retry each try; 0 means no limit' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l until -d 'End after a message that is exactly this text' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l until-regex -d 'End after a message in which this regular expression matches' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l until-jq -d 'End after a message for which this jq filter gives something else than false and null' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l idle -d 'End when nothing was received for so long (connect and send: from the end of input)' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l duration -d 'End so long after the opening' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l max-message-size -d 'Refuse (exit 109) a message larger than this; 0 means no limit [default: 64M where messages must be held whole, such as --format jsonl; else none]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l close-code -d 'Close with this code [default: 1000]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l close-reason -d 'Close with this reason, at most 123 bytes' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l close-timeout -d 'Wait so long for the peer\'s Close, once ours has left; 0 means no limit. A server that is still busy with what was sent before answers late [default: 5s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l ok-close -d 'Take these close codes for success too, such as 1001,4000-4099; 1005 is no code, 1006 a lost connection' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l expect-close -d 'Succeed only if the peer\'s Close, or its answer to ours, has one of these codes, else exit 4; 1005 is no code, 1006 a lost connection' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l expect -d 'Succeed only if some message printed is exactly this text, else exit 4' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l expect-regex -d 'Succeed only if this regular expression matches in some message printed, else exit 4; like --expect' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l expect-jq -d 'Succeed only if this jq filter gives something else than false and null for some message printed, else exit 4; like --expect' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l expect-subprotocol -d 'Succeed only if the server chooses this subprotocol, else close at once and exit 4' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l expect-status -d 'Succeed only if the server refuses the upgrade with this status, else exit 4' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l ping-interval -d 'Send a Ping every so often' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l ping-timeout -d 'Fail (exit 29) when a Ping is not answered within so long [default: the interval]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l linger -d 'Without an end condition: wait so long for more, from the end of input or the last message received; none, or forever [default: connect with piped input 2s, else none]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l wait -d 'With an end condition or --expect... that is not met: wait so long, from the end of input or the last message, then fail (exit 28); or forever [default: 30s; no limit with --idle or --duration]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l netrc -d 'Log in as the file ~/.netrc, or the one in NETRC, says for the host'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s L -l location -d 'Go where the server says that it is: follow redirects (301, 302, 303, 307, 308)'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l allow-downgrade -d 'With -L, go from wss:// to ws:// too, where everybody on the way can read'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l http2 -d 'Open the session over HTTP/2 (RFC 8441) if the server can, else over HTTP/1.1'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l http2-prior-knowledge -d 'Open the session over HTTP/2, over ws:// too, or fail (exit 8)'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l tcp-nodelay -d 'Send small packets at once; always so, as in curl'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l retry-connrefused -d 'Try again also if nobody listens there (yet)'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l retry-all-errors -d 'Try again after any failure of the opening that is not one of the command line or of a file here'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l proxy-insecure -d 'Trust any certificate of an https proxy: for tests only'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s k -l insecure -d 'Trust any certificate: for tests only, since anybody may be at the other end'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l tlsv1.2 -d 'Speak TLS 1.2 or a later version, as is the default'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l tlsv1.3 -d 'Speak TLS 1.3 or a later version'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l no-history -d 'At a terminal, neither read nor keep the lines that are typed'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l reconnect -d 'Open the session again when it was lost or closed, until an end condition is met'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l text -d 'Send text messages (the default)'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l binary -d 'Send binary messages, and print raw ones where stdout is no terminal. For stdin, say also what one message is: --lines, --null, --delimiter, --whole, --chunk, --stream, --length-prefixed or --decode'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l lines -d 'A message is a line; one LF or CRLF at its end is not part of it (the default for text)'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s 0 -l null -d 'A message is what stands between NUL bytes; on output, NUL ends each message too'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l whole -d 'Everything up to the end of input is one message'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l stream -d 'A message is what each read gives, up to 64 KiB, at once: a stream of bytes; implies --binary'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l length-prefixed -d 'A message is a 4-byte big-endian length and that many bytes'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l jsonl -d 'A line is a record such as {"text":"hi"}; connect prints records too'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l raw-frames -d 'Send frames made by hand too: records such as {"frame":{"rsv":4,"opcode":3},"text":"hi"}'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l print0 -d 'End each message with NUL in place of the newline, and in raw too'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l timestamps -d 'Write the time (UTC) before each message'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l pretty -d 'Print JSON objects and arrays over several lines, indented by 2 spaces; other messages as they are'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s s -l silent -d 'Say nothing on stderr: no closing line, no progress, no errors'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s S -l show-error -d 'With -s, say errors all the same'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s i -l include -d 'Show the server\'s answer to the opening handshake on stderr: its status and headers, and all of the body of a refusal, up to 64 KiB'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s v -l verbose -d 'Show the opening handshake as curl does, and the closing line on success too, as at a terminal'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s N -l no-buffer -d 'Accepted for curl\'s sake: output is never held back'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s f -l fail -d 'Accepted for curl\'s sake: a failure is always an exit code'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -l no-progress-meter -d 'Accepted for curl\'s sake: there is progress only where it does no harm'
complete -c wspipe -n "__fish_wspipe_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s H -l header -d 'Send a request header, as in curl: \'Name: value\'; \'Name:\' takes one away, \'Name;\' sends an empty one. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l origin -d 'Send this Origin header' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l subprotocol -d 'Offer a subprotocol. May be repeated, the preferred one first' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l compress -d 'Compress messages (permessage-deflate, RFC 7692) if the server agrees' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s A -l user-agent -d 'Send this User-Agent [default: wspipe/VERSION]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s u -l user -d 'Log in with HTTP\'s Basic scheme; without a colon, the password is asked for at the terminal' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l oauth2-bearer -d 'Send this token in the Authorization header, as the Bearer scheme does (RFC 6750)' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l netrc-file -d 'The same with another file' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s b -l cookie -d 'Send cookies: \'NAME=VALUE; NAME=VALUE\', or a file with those for many hosts. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l max-redirs -d 'With -L, fail (exit 47) after so many redirects; -1 is no limit [default: 50]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l unix-socket -d 'Connect to this Unix socket in place of the URL\'s host and port' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l resolve -d 'Use these addresses for a host and port, and ask no resolver. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l connect-to -d 'Connect to another host and port than those of the URL. May be repeated; the first that fits counts' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l interface -d 'Go out by this network interface, or from this address' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l connect-timeout -d 'Give up when the session is not open after so long, the answer to the upgrade included; 0 means no limit [default: 10s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l keepalive-time -d 'Probe an idle TCP connection after so long [default: 60s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l retry -d 'Try again so often if the session cannot be opened and that may pass' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l retry-delay -d 'Pause always so long, or longer if the server asks for it; 0 means pauses that double' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l retry-max-time -d 'Begin no try later than this after the first; 0 means no limit' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s x -l proxy -d 'Go through this proxy: [SCHEME://][USER:PASSWORD@]HOST[:PORT], where SCHEME is http (without one), https, socks5 or socks5h; an empty one is no proxy' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s U -l proxy-user -d 'Log in at the proxy; without a colon, the password is asked for' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l proxy-header -d 'Send a header to the proxy, as -H does to the server. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l proxy-cacert -d 'Trust the authorities in this PEM file for the certificate of an https proxy' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l noproxy -d 'Go to these hosts without a proxy: names with those below them, addresses, networks, or *' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l cacert -d 'Trust the authorities in this PEM file, in place of the system\'s' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l capath -d 'Trust the authorities in the PEM files of this folder, in place of the system\'s' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s E -l cert -d 'Show this certificate to a server that asks for one: a PEM file, which may hold its key too' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l key -d 'The private key of --cert, in PEM and without a password' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l pinnedpubkey -d 'Only talk to a server with this public key' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l tls-max -d 'Speak no later version of TLS than 1.2 or 1.3' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l tls-server-name -d 'Ask for this host\'s certificate, whatever the URL says' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s c -l cookie-jar -d 'Write the cookies that are known at the end to a file, which -b reads; - is stdout' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l repeat -d 'Send all messages so many times, one round after the other' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l rate -d 'Send so many messages per second (/s), minute (/m) or hour (/h), evenly' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l delay -d 'Wait so long after each message before the next one is sent' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s d -l data -d 'Send a message; @FILE sends the bytes of a file unchanged, @- those of stdin. May be repeated, each is one message' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l data-raw -d 'Send a message; @ has no meaning. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l decode -d 'Decode each message before it is sent, as binary (with --text, as text)' -r -f -a "hex\t'Two hexadecimal digits a byte'
base64\t'RFC 4648 section 4, with or without padding'"
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l delimiter -d 'A message is what stands between two such strings; escapes: \\n \\r \\t \\0 \\\\ \\xHH' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l chunk -d 'A message is so many bytes; implies --binary, and with --text ends after a whole character' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l only-from -d 'Of the records in --jsonl input, take only one side\'s' -r -f -a "us\t'What this program sent'
peer\t'What the other end sent'"
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l format -d 'Write messages in this format [default: text; with --binary, --stream or --chunk, raw where stdout is no terminal]' -r -f -a "text\t'The payload and a newline; binary as hex'
raw\t'The payload and nothing else'
hex\t'Two hexadecimal digits a byte, and a newline'
hexdump\t'Lines of offset, 16 bytes and their characters; the last line is the length'
base64\t'Base64 and a newline'
length\t'A 4-byte big-endian length and the payload'
jsonl\t'One record (a JSON object) a line for everything that comes: open, message, ping, pong, close, failure'"
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s o -l output -d 'Write to a file in place of stdout; - is stdout' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l color -d 'Colour the JSON of --pretty and the times of --timestamps' -r -f -a "auto\t'Where the output is a terminal, unless NO_COLOR is set and not empty, or TERM is dumb'
always\t'In a pipe and a file too'
never\t'Nowhere'"
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s w -l write-out -d 'Print at the end what the format says, as in curl: %{exitcode}, %{close_code}, %{messages_in}, %{json} and others; \\n, \\t, %%; @FILE reads the format from a file' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s D -l dump-header -d 'Write the head of the server\'s answer to the opening handshake to a file, those of a proxy and of redirects too; - is stdout' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l trace-frames -d 'Write every frame that passes, both ways and complete, to a file as records, one a line' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l record -d 'Write the whole session to a file as records, both ways and as it happens' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s n -l count -d 'End after so many messages received; 0 ends once the session is open' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s m -l max-time -d 'Fail (exit 28) when the whole run takes longer, with --retry each try; 0 means no limit' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l until -d 'End after a message that is exactly this text' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l until-regex -d 'End after a message in which this regular expression matches' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l until-jq -d 'End after a message for which this jq filter gives something else than false and null' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l idle -d 'End when nothing was received for so long (connect and send: from the end of input)' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l duration -d 'End so long after the opening' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l max-message-size -d 'Refuse (exit 109) a message larger than this; 0 means no limit [default: 64M where messages must be held whole, such as --format jsonl; else none]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l close-code -d 'Close with this code [default: 1000]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l close-reason -d 'Close with this reason, at most 123 bytes' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l close-timeout -d 'Wait so long for the peer\'s Close, once ours has left; 0 means no limit. A server that is still busy with what was sent before answers late [default: 5s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l ok-close -d 'Take these close codes for success too, such as 1001,4000-4099; 1005 is no code, 1006 a lost connection' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l expect-close -d 'Succeed only if the peer\'s Close, or its answer to ours, has one of these codes, else exit 4; 1005 is no code, 1006 a lost connection' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l expect -d 'Succeed only if some message printed is exactly this text, else exit 4' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l expect-regex -d 'Succeed only if this regular expression matches in some message printed, else exit 4; like --expect' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l expect-jq -d 'Succeed only if this jq filter gives something else than false and null for some message printed, else exit 4; like --expect' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l expect-subprotocol -d 'Succeed only if the server chooses this subprotocol, else close at once and exit 4' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l expect-status -d 'Succeed only if the server refuses the upgrade with this status, else exit 4' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l ping-interval -d 'Send a Ping every so often' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l ping-timeout -d 'Fail (exit 29) when a Ping is not answered within so long [default: the interval]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l linger -d 'Without an end condition: wait so long for more, from the end of input or the last message received; none, or forever [default: connect with piped input 2s, else none]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l wait -d 'With an end condition or --expect... that is not met: wait so long, from the end of input or the last message, then fail (exit 28); or forever [default: 30s; no limit with --idle or --duration]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l netrc -d 'Log in as the file ~/.netrc, or the one in NETRC, says for the host'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s L -l location -d 'Go where the server says that it is: follow redirects (301, 302, 303, 307, 308)'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l allow-downgrade -d 'With -L, go from wss:// to ws:// too, where everybody on the way can read'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l http2 -d 'Open the session over HTTP/2 (RFC 8441) if the server can, else over HTTP/1.1'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l http2-prior-knowledge -d 'Open the session over HTTP/2, over ws:// too, or fail (exit 8)'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l tcp-nodelay -d 'Send small packets at once; always so, as in curl'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l retry-connrefused -d 'Try again also if nobody listens there (yet)'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l retry-all-errors -d 'Try again after any failure of the opening that is not one of the command line or of a file here'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l proxy-insecure -d 'Trust any certificate of an https proxy: for tests only'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s k -l insecure -d 'Trust any certificate: for tests only, since anybody may be at the other end'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l tlsv1.2 -d 'Speak TLS 1.2 or a later version, as is the default'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l tlsv1.3 -d 'Speak TLS 1.3 or a later version'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l text -d 'Send text messages (the default)'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l binary -d 'Send binary messages, and print raw ones where stdout is no terminal. For stdin, say also what one message is: --lines, --null, --delimiter, --whole, --chunk, --stream, --length-prefixed or --decode'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l lines -d 'A message is a line; one LF or CRLF at its end is not part of it (the default for text)'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s 0 -l null -d 'A message is what stands between NUL bytes; on output, NUL ends each message too'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l whole -d 'Everything up to the end of input is one message'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l stream -d 'A message is what each read gives, up to 64 KiB, at once: a stream of bytes; implies --binary'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l length-prefixed -d 'A message is a 4-byte big-endian length and that many bytes'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l jsonl -d 'A line is a record such as {"text":"hi"}; connect prints records too'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l raw-frames -d 'Send frames made by hand too: records such as {"frame":{"rsv":4,"opcode":3},"text":"hi"}'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l print0 -d 'End each message with NUL in place of the newline, and in raw too'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l timestamps -d 'Write the time (UTC) before each message'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l pretty -d 'Print JSON objects and arrays over several lines, indented by 2 spaces; other messages as they are'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s s -l silent -d 'Say nothing on stderr: no closing line, no progress, no errors'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s S -l show-error -d 'With -s, say errors all the same'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s i -l include -d 'Show the server\'s answer to the opening handshake on stderr: its status and headers, and all of the body of a refusal, up to 64 KiB'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s v -l verbose -d 'Show the opening handshake as curl does, and the closing line on success too, as at a terminal'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s N -l no-buffer -d 'Accepted for curl\'s sake: output is never held back'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s f -l fail -d 'Accepted for curl\'s sake: a failure is always an exit code'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -l no-progress-meter -d 'Accepted for curl\'s sake: there is progress only where it does no harm'
complete -c wspipe -n "__fish_wspipe_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s H -l header -d 'Send a request header, as in curl: \'Name: value\'; \'Name:\' takes one away, \'Name;\' sends an empty one. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l origin -d 'Send this Origin header' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l subprotocol -d 'Offer a subprotocol. May be repeated, the preferred one first' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l compress -d 'Compress messages (permessage-deflate, RFC 7692) if the server agrees' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s A -l user-agent -d 'Send this User-Agent [default: wspipe/VERSION]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s u -l user -d 'Log in with HTTP\'s Basic scheme; without a colon, the password is asked for at the terminal' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l oauth2-bearer -d 'Send this token in the Authorization header, as the Bearer scheme does (RFC 6750)' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l netrc-file -d 'The same with another file' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s b -l cookie -d 'Send cookies: \'NAME=VALUE; NAME=VALUE\', or a file with those for many hosts. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l max-redirs -d 'With -L, fail (exit 47) after so many redirects; -1 is no limit [default: 50]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l unix-socket -d 'Connect to this Unix socket in place of the URL\'s host and port' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l resolve -d 'Use these addresses for a host and port, and ask no resolver. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l connect-to -d 'Connect to another host and port than those of the URL. May be repeated; the first that fits counts' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l interface -d 'Go out by this network interface, or from this address' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l connect-timeout -d 'Give up when the session is not open after so long, the answer to the upgrade included; 0 means no limit [default: 10s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l keepalive-time -d 'Probe an idle TCP connection after so long [default: 60s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l retry -d 'Try again so often if the session cannot be opened and that may pass' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l retry-delay -d 'Pause always so long, or longer if the server asks for it; 0 means pauses that double' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l retry-max-time -d 'Begin no try later than this after the first; 0 means no limit' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s x -l proxy -d 'Go through this proxy: [SCHEME://][USER:PASSWORD@]HOST[:PORT], where SCHEME is http (without one), https, socks5 or socks5h; an empty one is no proxy' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s U -l proxy-user -d 'Log in at the proxy; without a colon, the password is asked for' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l proxy-header -d 'Send a header to the proxy, as -H does to the server. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l proxy-cacert -d 'Trust the authorities in this PEM file for the certificate of an https proxy' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l noproxy -d 'Go to these hosts without a proxy: names with those below them, addresses, networks, or *' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l cacert -d 'Trust the authorities in this PEM file, in place of the system\'s' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l capath -d 'Trust the authorities in the PEM files of this folder, in place of the system\'s' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s E -l cert -d 'Show this certificate to a server that asks for one: a PEM file, which may hold its key too' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l key -d 'The private key of --cert, in PEM and without a password' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l pinnedpubkey -d 'Only talk to a server with this public key' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l tls-max -d 'Speak no later version of TLS than 1.2 or 1.3' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l tls-server-name -d 'Ask for this host\'s certificate, whatever the URL says' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s c -l cookie-jar -d 'Write the cookies that are known at the end to a file, which -b reads; - is stdout' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s d -l data -d 'Send a message; @FILE sends the bytes of a file unchanged, @- those of stdin. May be repeated, each is one message' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l data-raw -d 'Send a message; @ has no meaning. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l decode -d 'Decode each message before it is sent, as binary (with --text, as text)' -r -f -a "hex\t'Two hexadecimal digits a byte'
base64\t'RFC 4648 section 4, with or without padding'"
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l reconnect-delay -d 'Pause so long before the first try, on average [default: 1s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l reconnect-max-delay -d 'Pause no longer than this, unless the server asks for it in Retry-After; 0 means no limit [default: 30s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l reconnect-tries -d 'Give up after so many tries without a session that lasted 10 seconds; 0 means no limit [default: 0]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l reconnect-on -d 'Open the session again also after these close codes, or statuses from 400 to 499' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l format -d 'Write messages in this format [default: text; with --binary, --stream or --chunk, raw where stdout is no terminal]' -r -f -a "text\t'The payload and a newline; binary as hex'
raw\t'The payload and nothing else'
hex\t'Two hexadecimal digits a byte, and a newline'
hexdump\t'Lines of offset, 16 bytes and their characters; the last line is the length'
base64\t'Base64 and a newline'
length\t'A 4-byte big-endian length and the payload'
jsonl\t'One record (a JSON object) a line for everything that comes: open, message, ping, pong, close, failure'"
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s o -l output -d 'Write to a file in place of stdout; - is stdout' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l color -d 'Colour the JSON of --pretty and the times of --timestamps' -r -f -a "auto\t'Where the output is a terminal, unless NO_COLOR is set and not empty, or TERM is dumb'
always\t'In a pipe and a file too'
never\t'Nowhere'"
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s w -l write-out -d 'Print at the end what the format says, as in curl: %{exitcode}, %{close_code}, %{messages_in}, %{json} and others; \\n, \\t, %%; @FILE reads the format from a file' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s D -l dump-header -d 'Write the head of the server\'s answer to the opening handshake to a file, those of a proxy and of redirects too; - is stdout' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l trace-frames -d 'Write every frame that passes, both ways and complete, to a file as records, one a line' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l record -d 'Write the whole session to a file as records, both ways and as it happens' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s n -l count -d 'End after so many messages received; 0 ends once the session is open' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s m -l max-time -d 'Fail (exit 28) when the whole run takes longer, with --retry each try; 0 means no limit' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l until -d 'End after a message that is exactly this text' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l until-regex -d 'End after a message in which this regular expression matches' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l until-jq -d 'End after a message for which this jq filter gives something else than false and null' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l idle -d 'End when nothing was received for so long (connect and send: from the end of input)' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l duration -d 'End so long after the opening' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l max-message-size -d 'Refuse (exit 109) a message larger than this; 0 means no limit [default: 64M where messages must be held whole, such as --format jsonl; else none]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l close-code -d 'Close with this code [default: 1000]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l close-reason -d 'Close with this reason, at most 123 bytes' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l close-timeout -d 'Wait so long for the peer\'s Close, once ours has left; 0 means no limit. A server that is still busy with what was sent before answers late [default: 5s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l ok-close -d 'Take these close codes for success too, such as 1001,4000-4099; 1005 is no code, 1006 a lost connection' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l expect-close -d 'Succeed only if the peer\'s Close, or its answer to ours, has one of these codes, else exit 4; 1005 is no code, 1006 a lost connection' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l expect -d 'Succeed only if some message printed is exactly this text, else exit 4' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l expect-regex -d 'Succeed only if this regular expression matches in some message printed, else exit 4; like --expect' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l expect-jq -d 'Succeed only if this jq filter gives something else than false and null for some message printed, else exit 4; like --expect' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l expect-subprotocol -d 'Succeed only if the server chooses this subprotocol, else close at once and exit 4' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l expect-status -d 'Succeed only if the server refuses the upgrade with this status, else exit 4' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l ping-interval -d 'Send a Ping every so often' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l ping-timeout -d 'Fail (exit 29) when a Ping is not answered within so long [default: the interval]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l netrc -d 'Log in as the file ~/.netrc, or the one in NETRC, says for the host'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s L -l location -d 'Go where the server says that it is: follow redirects (301, 302, 303, 307, 308)'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l allow-downgrade -d 'With -L, go from wss:// to ws:// too, where everybody on the way can read'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l http2 -d 'Open the session over HTTP/2 (RFC 8441) if the server can, else over HTTP/1.1'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l http2-prior-knowledge -d 'Open the session over HTTP/2, over ws:// too, or fail (exit 8)'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l tcp-nodelay -d 'Send small packets at once; always so, as in curl'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l retry-connrefused -d 'Try again also if nobody listens there (yet)'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l retry-all-errors -d 'Try again after any failure of the opening that is not one of the command line or of a file here'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l proxy-insecure -d 'Trust any certificate of an https proxy: for tests only'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s k -l insecure -d 'Trust any certificate: for tests only, since anybody may be at the other end'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l tlsv1.2 -d 'Speak TLS 1.2 or a later version, as is the default'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l tlsv1.3 -d 'Speak TLS 1.3 or a later version'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l text -d 'Send text messages (the default)'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l binary -d 'Send binary messages, and print raw ones where stdout is no terminal. For stdin, say also what one message is: --lines, --null, --delimiter, --whole, --chunk, --stream, --length-prefixed or --decode'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s 0 -l null -d 'End each message with NUL in place of the newline'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l jsonl -d 'Print records: the same as --format jsonl'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l reconnect -d 'Open the session again when it was lost or closed, until an end condition is met'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l print0 -d 'End each message with NUL in place of the newline, and in raw too'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l timestamps -d 'Write the time (UTC) before each message'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l pretty -d 'Print JSON objects and arrays over several lines, indented by 2 spaces; other messages as they are'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s s -l silent -d 'Say nothing on stderr: no closing line, no progress, no errors'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s S -l show-error -d 'With -s, say errors all the same'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s i -l include -d 'Show the server\'s answer to the opening handshake on stderr: its status and headers, and all of the body of a refusal, up to 64 KiB'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s v -l verbose -d 'Show the opening handshake as curl does, and the closing line on success too, as at a terminal'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s N -l no-buffer -d 'Accepted for curl\'s sake: output is never held back'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s f -l fail -d 'Accepted for curl\'s sake: a failure is always an exit code'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -l no-progress-meter -d 'Accepted for curl\'s sake: there is progress only where it does no harm'
complete -c wspipe -n "__fish_wspipe_using_subcommand listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l url -d 'Connect there, in place of all URLs that the files name, their paths too' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l var -d 'Have {{NAME}} stand for a text. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s j -l jobs -d 'Play so many scenarios at once' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l junit -d 'Write a report to a file, as JUnit does (XML), for CI servers' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l export -d 'Print the scenario as a script for a load generator, and neither open nor send anything' -r -f -a "k6\t'A script for k6 (https://grafana.com/docs/k6/), in JavaScript'"
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l color -d 'Colour the results' -r -f -a "auto\t'Where the output is a terminal, unless NO_COLOR is set and not empty, or TERM is dumb'
always\t'In a pipe and a file too'
never\t'Nowhere'"
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s m -l max-time -d 'Fail (exit 28) when all of it takes longer, all tries of --retry included; 0 means no limit' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l max-message-size -d 'Refuse a message larger than this; 0 means no limit' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s H -l header -d 'Send a request header, as in curl: \'Name: value\'; \'Name:\' takes one away, \'Name;\' sends an empty one. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l origin -d 'Send this Origin header' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l subprotocol -d 'Offer a subprotocol. May be repeated, the preferred one first' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l compress -d 'Compress messages (permessage-deflate, RFC 7692) if the server agrees' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s A -l user-agent -d 'Send this User-Agent [default: wspipe/VERSION]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s u -l user -d 'Log in with HTTP\'s Basic scheme; without a colon, the password is asked for at the terminal' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l oauth2-bearer -d 'Send this token in the Authorization header, as the Bearer scheme does (RFC 6750)' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l netrc-file -d 'The same with another file' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s b -l cookie -d 'Send cookies: \'NAME=VALUE; NAME=VALUE\', or a file with those for many hosts. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l max-redirs -d 'With -L, fail (exit 47) after so many redirects; -1 is no limit [default: 50]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l unix-socket -d 'Connect to this Unix socket in place of the URL\'s host and port' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l resolve -d 'Use these addresses for a host and port, and ask no resolver. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l connect-to -d 'Connect to another host and port than those of the URL. May be repeated; the first that fits counts' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l interface -d 'Go out by this network interface, or from this address' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l connect-timeout -d 'Give up when the session is not open after so long, the answer to the upgrade included; 0 means no limit [default: 10s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l keepalive-time -d 'Probe an idle TCP connection after so long [default: 60s]' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l retry -d 'Try again so often if the session cannot be opened and that may pass' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l retry-delay -d 'Pause always so long, or longer if the server asks for it; 0 means pauses that double' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l retry-max-time -d 'Begin no try later than this after the first; 0 means no limit' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s x -l proxy -d 'Go through this proxy: [SCHEME://][USER:PASSWORD@]HOST[:PORT], where SCHEME is http (without one), https, socks5 or socks5h; an empty one is no proxy' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s U -l proxy-user -d 'Log in at the proxy; without a colon, the password is asked for' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l proxy-header -d 'Send a header to the proxy, as -H does to the server. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l proxy-cacert -d 'Trust the authorities in this PEM file for the certificate of an https proxy' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l noproxy -d 'Go to these hosts without a proxy: names with those below them, addresses, networks, or *' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l cacert -d 'Trust the authorities in this PEM file, in place of the system\'s' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l capath -d 'Trust the authorities in the PEM files of this folder, in place of the system\'s' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s E -l cert -d 'Show this certificate to a server that asks for one: a PEM file, which may hold its key too' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l key -d 'The private key of --cert, in PEM and without a password' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l pinnedpubkey -d 'Only talk to a server with this public key' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l tls-max -d 'Speak no later version of TLS than 1.2 or 1.3' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l tls-server-name -d 'Ask for this host\'s certificate, whatever the URL says' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l fail-fast -d 'Begin no further scenario once one has failed'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l tap -d 'Print the results in the Test Anything Protocol, for prove and others'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s s -l silent -d 'Say nothing: the exit code tells all'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s S -l show-error -d 'With -s, say errors all the same'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s v -l verbose -d 'Show the opening handshakes on stderr'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l netrc -d 'Log in as the file ~/.netrc, or the one in NETRC, says for the host'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s L -l location -d 'Go where the server says that it is: follow redirects (301, 302, 303, 307, 308)'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l allow-downgrade -d 'With -L, go from wss:// to ws:// too, where everybody on the way can read'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l http2 -d 'Open the session over HTTP/2 (RFC 8441) if the server can, else over HTTP/1.1'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l http2-prior-knowledge -d 'Open the session over HTTP/2, over ws:// too, or fail (exit 8)'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l tcp-nodelay -d 'Send small packets at once; always so, as in curl'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l retry-connrefused -d 'Try again also if nobody listens there (yet)'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l retry-all-errors -d 'Try again after any failure of the opening that is not one of the command line or of a file here'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l proxy-insecure -d 'Trust any certificate of an https proxy: for tests only'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s k -l insecure -d 'Trust any certificate: for tests only, since anybody may be at the other end'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l tlsv1.2 -d 'Speak TLS 1.2 or a later version, as is the default'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -l tlsv1.3 -d 'Speak TLS 1.3 or a later version'
complete -c wspipe -n "__fish_wspipe_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l replay -d 'Play the peer\'s part of a recording, or of a scenario, for each client' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l speed -d 'Play it as fast as it was recorded (real), without pauses (fast), or N times as fast' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l var -d 'Have {{NAME}} stand for a text in it. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l delay -d 'Send each answer so much later, and close or refuse so much later too' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l close -d 'Close each connection with this code once it is open; 1005 is a Close without a code, 1006 drops the connection without a Close' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l close-reason -d 'Close with this reason, at most 123 bytes' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l close-after -d 'Close when so many messages of the client have come, and are answered' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l refuse -d 'Refuse every upgrade with this HTTP status, 200 to 599' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -s H -l header -d 'Add this header to the answer: \'Name: value\'. May be repeated' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l subprotocol -d 'Speak this subprotocol. May be repeated, the preferred one first' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l max-connections -d 'Refuse clients with 503 while so many are connected' -r
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l tls-ca -d 'Write the certificate of that authority to this file, which stays' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -s E -l cert -d 'Speak TLS with this certificate: a PEM file, which may hold its key too' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l key -d 'The private key of --cert, in PEM and without a password' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l record -d 'Write what passes to a file as records, one a line, as the clients would have recorded it' -r -F
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l echo -d 'Send every message back, as is the default'
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l broadcast -d 'Send every message to every client, to the one that sent it too'
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l sink -d 'Answer no message: only Pings and the closing handshake'
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -l tls -d 'Speak TLS, wss://, with a certificate that is made on the spot'
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -s v -l verbose -d 'Say on stderr what became of each connection, in a line'
complete -c wspipe -n "__fish_wspipe_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wspipe -n "__fish_wspipe_using_subcommand help; and not __fish_seen_subcommand_from connect send listen check serve help" -f -a "connect" -d 'Send stdin message by message and print what comes'
complete -c wspipe -n "__fish_wspipe_using_subcommand help; and not __fish_seen_subcommand_from connect send listen check serve help" -f -a "send" -d 'Send messages, close, and make sure that they arrived'
complete -c wspipe -n "__fish_wspipe_using_subcommand help; and not __fish_seen_subcommand_from connect send listen check serve help" -f -a "listen" -d 'Print what comes, and never read stdin'
complete -c wspipe -n "__fish_wspipe_using_subcommand help; and not __fish_seen_subcommand_from connect send listen check serve help" -f -a "check" -d 'Play scenarios against a server, and say what did not go as they say'
complete -c wspipe -n "__fish_wspipe_using_subcommand help; and not __fish_seen_subcommand_from connect send listen check serve help" -f -a "serve" -d 'Run a server for tests, which echoes or misbehaves as told'
complete -c wspipe -n "__fish_wspipe_using_subcommand help; and not __fish_seen_subcommand_from connect send listen check serve help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
