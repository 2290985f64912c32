
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'wspipe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'wspipe'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'wspipe' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Send stdin message by message and print what comes')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Send messages, close, and make sure that they arrived')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Print what comes, and never read stdin')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Run an echo server for tests')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'wspipe;connect' {
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Send a request header, as in curl: ''Name: value''; ''Name:'' takes one away, ''Name;'' sends an empty one. May be repeated')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Send a request header, as in curl: ''Name: value''; ''Name:'' takes one away, ''Name;'' sends an empty one. May be repeated')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Send this Origin header')
            [CompletionResult]::new('--subprotocol', '--subprotocol', [CompletionResultType]::ParameterName, 'Offer a subprotocol. May be repeated, the preferred one first')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'Send this User-Agent [default: wspipe/VERSION]')
            [CompletionResult]::new('--user-agent', '--user-agent', [CompletionResultType]::ParameterName, 'Send this User-Agent [default: wspipe/VERSION]')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Log in with HTTP''s Basic scheme; without a colon, the password is empty')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in with HTTP''s Basic scheme; without a colon, the password is empty')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Give up when the session is not open after so long, the answer to the upgrade included; 0 means no limit')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Probe an idle TCP connection after so long')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Send a message; @FILE sends the bytes of a file unchanged, @- those of stdin. May be repeated, each is one message')
            [CompletionResult]::new('--data', '--data', [CompletionResultType]::ParameterName, 'Send a message; @FILE sends the bytes of a file unchanged, @- those of stdin. May be repeated, each is one message')
            [CompletionResult]::new('--data-raw', '--data-raw', [CompletionResultType]::ParameterName, 'Send a message; @ has no meaning. May be repeated')
            [CompletionResult]::new('--decode', '--decode', [CompletionResultType]::ParameterName, 'Decode each message before it is sent, as binary (with --text, as text)')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'A message is what stands between two such strings; escapes: \n \r \t \0 \\ \xHH')
            [CompletionResult]::new('--chunk', '--chunk', [CompletionResultType]::ParameterName, 'A message is so many bytes; implies --binary, and with --text ends after a whole character')
            [CompletionResult]::new('--only-from', '--only-from', [CompletionResultType]::ParameterName, 'Of the records in --jsonl input, take only one side''s')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Write messages in this format [default: text; with --binary, --stream or --chunk, raw where stdout is no terminal]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to a file in place of stdout; - is stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to a file in place of stdout; - is stdout')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Print at the end what the format says, as in curl: %{exitcode}, %{close_code}, %{messages_in}, %{json} and others; \n, \t, %%; @FILE reads the format from a file')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Print at the end what the format says, as in curl: %{exitcode}, %{close_code}, %{messages_in}, %{json} and others; \n, \t, %%; @FILE reads the format from a file')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'End after so many messages received; 0 ends once the session is open')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after so many messages received; 0 ends once the session is open')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End after a message that is exactly this text')
            [CompletionResult]::new('--until-regex', '--until-regex', [CompletionResultType]::ParameterName, 'End after a message in which this regular expression matches')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'End when nothing was received for so long (connect and send: from the end of input)')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'End so long after the opening')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Fail (exit 28) when the whole run takes longer; 0 means no limit')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Fail (exit 28) when the whole run takes longer; 0 means no limit')
            [CompletionResult]::new('--max-message-size', '--max-message-size', [CompletionResultType]::ParameterName, 'Refuse (exit 109) a message larger than this; 0 means no limit [default: 64M where messages must be held whole, such as --format jsonl; else none]')
            [CompletionResult]::new('--close-code', '--close-code', [CompletionResultType]::ParameterName, 'Close with this code')
            [CompletionResult]::new('--close-reason', '--close-reason', [CompletionResultType]::ParameterName, 'Close with this reason, at most 123 bytes')
            [CompletionResult]::new('--close-timeout', '--close-timeout', [CompletionResultType]::ParameterName, 'Wait so long for the peer''s Close, once ours has left; 0 means no limit. A server that is still busy with what was sent before answers late')
            [CompletionResult]::new('--ok-close', '--ok-close', [CompletionResultType]::ParameterName, 'Take these close codes for success too, such as 1001,4000-4099; 1005 is no code, 1006 a lost connection')
            [CompletionResult]::new('--expect-close', '--expect-close', [CompletionResultType]::ParameterName, 'Succeed only if the peer''s Close, or its answer to ours, has one of these codes, else exit 4; 1005 is no code, 1006 a lost connection')
            [CompletionResult]::new('--ping-interval', '--ping-interval', [CompletionResultType]::ParameterName, 'Send a Ping every so often')
            [CompletionResult]::new('--ping-timeout', '--ping-timeout', [CompletionResultType]::ParameterName, 'Fail (exit 29) when a Ping is not answered within so long [default: the interval]')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'Without an end condition: wait so long for more, from the end of input or the last message received; none, or forever [default: connect with piped input 2s, else none]')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'With an end condition or --expect-close that is not met: wait so long, from the end of input or the last message, then fail (exit 28); or forever [default: 30s; no limit with --idle or --duration]')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Send text messages (the default)')
            [CompletionResult]::new('--binary', '--binary', [CompletionResultType]::ParameterName, 'Send binary messages, and print raw ones where stdout is no terminal. For stdin, say also what one message is: --lines, --null, --delimiter, --whole, --chunk, --stream, --length-prefixed or --decode')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'A message is a line; one LF or CRLF at its end is not part of it (the default for text)')
            [CompletionResult]::new('-0', '-0', [CompletionResultType]::ParameterName, 'A message is what stands between NUL bytes; on output, NUL ends each message too')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'A message is what stands between NUL bytes; on output, NUL ends each message too')
            [CompletionResult]::new('--whole', '--whole', [CompletionResultType]::ParameterName, 'Everything up to the end of input is one message')
            [CompletionResult]::new('--stream', '--stream', [CompletionResultType]::ParameterName, 'A message is what each read gives, up to 64 KiB, at once: a stream of bytes; implies --binary')
            [CompletionResult]::new('--length-prefixed', '--length-prefixed', [CompletionResultType]::ParameterName, 'A message is a 4-byte big-endian length and that many bytes')
            [CompletionResult]::new('--jsonl', '--jsonl', [CompletionResultType]::ParameterName, 'A line is a record such as {"text":"hi"}; connect prints records too')
            [CompletionResult]::new('--print0', '--print0', [CompletionResultType]::ParameterName, 'End each message with NUL in place of the newline, and in raw too')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Write the time (UTC) before each message')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Say nothing on stderr: no closing line, no progress, no errors')
            [CompletionResult]::new('--silent', '--silent', [CompletionResultType]::ParameterName, 'Say nothing on stderr: no closing line, no progress, no errors')
            [CompletionResult]::new('-S', '-S ', [CompletionResultType]::ParameterName, 'With -s, say errors all the same')
            [CompletionResult]::new('--show-error', '--show-error', [CompletionResultType]::ParameterName, 'With -s, say errors all the same')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the opening handshake, and the closing line on success too, as at a terminal')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the opening handshake, and the closing line on success too, as at a terminal')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: output is never held back')
            [CompletionResult]::new('--no-buffer', '--no-buffer', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: output is never held back')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: a failure is always an exit code')
            [CompletionResult]::new('--fail', '--fail', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: a failure is always an exit code')
            [CompletionResult]::new('--no-progress-meter', '--no-progress-meter', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: there is progress only where it does no harm')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wspipe;send' {
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Send a request header, as in curl: ''Name: value''; ''Name:'' takes one away, ''Name;'' sends an empty one. May be repeated')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Send a request header, as in curl: ''Name: value''; ''Name:'' takes one away, ''Name;'' sends an empty one. May be repeated')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Send this Origin header')
            [CompletionResult]::new('--subprotocol', '--subprotocol', [CompletionResultType]::ParameterName, 'Offer a subprotocol. May be repeated, the preferred one first')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'Send this User-Agent [default: wspipe/VERSION]')
            [CompletionResult]::new('--user-agent', '--user-agent', [CompletionResultType]::ParameterName, 'Send this User-Agent [default: wspipe/VERSION]')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Log in with HTTP''s Basic scheme; without a colon, the password is empty')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in with HTTP''s Basic scheme; without a colon, the password is empty')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Give up when the session is not open after so long, the answer to the upgrade included; 0 means no limit')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Probe an idle TCP connection after so long')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Send a message; @FILE sends the bytes of a file unchanged, @- those of stdin. May be repeated, each is one message')
            [CompletionResult]::new('--data', '--data', [CompletionResultType]::ParameterName, 'Send a message; @FILE sends the bytes of a file unchanged, @- those of stdin. May be repeated, each is one message')
            [CompletionResult]::new('--data-raw', '--data-raw', [CompletionResultType]::ParameterName, 'Send a message; @ has no meaning. May be repeated')
            [CompletionResult]::new('--decode', '--decode', [CompletionResultType]::ParameterName, 'Decode each message before it is sent, as binary (with --text, as text)')
            [CompletionResult]::new('--delimiter', '--delimiter', [CompletionResultType]::ParameterName, 'A message is what stands between two such strings; escapes: \n \r \t \0 \\ \xHH')
            [CompletionResult]::new('--chunk', '--chunk', [CompletionResultType]::ParameterName, 'A message is so many bytes; implies --binary, and with --text ends after a whole character')
            [CompletionResult]::new('--only-from', '--only-from', [CompletionResultType]::ParameterName, 'Of the records in --jsonl input, take only one side''s')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Write messages in this format [default: text; with --binary, --stream or --chunk, raw where stdout is no terminal]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to a file in place of stdout; - is stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to a file in place of stdout; - is stdout')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Print at the end what the format says, as in curl: %{exitcode}, %{close_code}, %{messages_in}, %{json} and others; \n, \t, %%; @FILE reads the format from a file')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Print at the end what the format says, as in curl: %{exitcode}, %{close_code}, %{messages_in}, %{json} and others; \n, \t, %%; @FILE reads the format from a file')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'End after so many messages received; 0 ends once the session is open')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after so many messages received; 0 ends once the session is open')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End after a message that is exactly this text')
            [CompletionResult]::new('--until-regex', '--until-regex', [CompletionResultType]::ParameterName, 'End after a message in which this regular expression matches')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'End when nothing was received for so long (connect and send: from the end of input)')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'End so long after the opening')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Fail (exit 28) when the whole run takes longer; 0 means no limit')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Fail (exit 28) when the whole run takes longer; 0 means no limit')
            [CompletionResult]::new('--max-message-size', '--max-message-size', [CompletionResultType]::ParameterName, 'Refuse (exit 109) a message larger than this; 0 means no limit [default: 64M where messages must be held whole, such as --format jsonl; else none]')
            [CompletionResult]::new('--close-code', '--close-code', [CompletionResultType]::ParameterName, 'Close with this code')
            [CompletionResult]::new('--close-reason', '--close-reason', [CompletionResultType]::ParameterName, 'Close with this reason, at most 123 bytes')
            [CompletionResult]::new('--close-timeout', '--close-timeout', [CompletionResultType]::ParameterName, 'Wait so long for the peer''s Close, once ours has left; 0 means no limit. A server that is still busy with what was sent before answers late')
            [CompletionResult]::new('--ok-close', '--ok-close', [CompletionResultType]::ParameterName, 'Take these close codes for success too, such as 1001,4000-4099; 1005 is no code, 1006 a lost connection')
            [CompletionResult]::new('--expect-close', '--expect-close', [CompletionResultType]::ParameterName, 'Succeed only if the peer''s Close, or its answer to ours, has one of these codes, else exit 4; 1005 is no code, 1006 a lost connection')
            [CompletionResult]::new('--ping-interval', '--ping-interval', [CompletionResultType]::ParameterName, 'Send a Ping every so often')
            [CompletionResult]::new('--ping-timeout', '--ping-timeout', [CompletionResultType]::ParameterName, 'Fail (exit 29) when a Ping is not answered within so long [default: the interval]')
            [CompletionResult]::new('--linger', '--linger', [CompletionResultType]::ParameterName, 'Without an end condition: wait so long for more, from the end of input or the last message received; none, or forever [default: connect with piped input 2s, else none]')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'With an end condition or --expect-close that is not met: wait so long, from the end of input or the last message, then fail (exit 28); or forever [default: 30s; no limit with --idle or --duration]')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Send text messages (the default)')
            [CompletionResult]::new('--binary', '--binary', [CompletionResultType]::ParameterName, 'Send binary messages, and print raw ones where stdout is no terminal. For stdin, say also what one message is: --lines, --null, --delimiter, --whole, --chunk, --stream, --length-prefixed or --decode')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'A message is a line; one LF or CRLF at its end is not part of it (the default for text)')
            [CompletionResult]::new('-0', '-0', [CompletionResultType]::ParameterName, 'A message is what stands between NUL bytes; on output, NUL ends each message too')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'A message is what stands between NUL bytes; on output, NUL ends each message too')
            [CompletionResult]::new('--whole', '--whole', [CompletionResultType]::ParameterName, 'Everything up to the end of input is one message')
            [CompletionResult]::new('--stream', '--stream', [CompletionResultType]::ParameterName, 'A message is what each read gives, up to 64 KiB, at once: a stream of bytes; implies --binary')
            [CompletionResult]::new('--length-prefixed', '--length-prefixed', [CompletionResultType]::ParameterName, 'A message is a 4-byte big-endian length and that many bytes')
            [CompletionResult]::new('--jsonl', '--jsonl', [CompletionResultType]::ParameterName, 'A line is a record such as {"text":"hi"}; connect prints records too')
            [CompletionResult]::new('--print0', '--print0', [CompletionResultType]::ParameterName, 'End each message with NUL in place of the newline, and in raw too')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Write the time (UTC) before each message')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Say nothing on stderr: no closing line, no progress, no errors')
            [CompletionResult]::new('--silent', '--silent', [CompletionResultType]::ParameterName, 'Say nothing on stderr: no closing line, no progress, no errors')
            [CompletionResult]::new('-S', '-S ', [CompletionResultType]::ParameterName, 'With -s, say errors all the same')
            [CompletionResult]::new('--show-error', '--show-error', [CompletionResultType]::ParameterName, 'With -s, say errors all the same')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the opening handshake, and the closing line on success too, as at a terminal')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the opening handshake, and the closing line on success too, as at a terminal')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: output is never held back')
            [CompletionResult]::new('--no-buffer', '--no-buffer', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: output is never held back')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: a failure is always an exit code')
            [CompletionResult]::new('--fail', '--fail', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: a failure is always an exit code')
            [CompletionResult]::new('--no-progress-meter', '--no-progress-meter', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: there is progress only where it does no harm')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wspipe;listen' {
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Send a request header, as in curl: ''Name: value''; ''Name:'' takes one away, ''Name;'' sends an empty one. May be repeated')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Send a request header, as in curl: ''Name: value''; ''Name:'' takes one away, ''Name;'' sends an empty one. May be repeated')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Send this Origin header')
            [CompletionResult]::new('--subprotocol', '--subprotocol', [CompletionResultType]::ParameterName, 'Offer a subprotocol. May be repeated, the preferred one first')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'Send this User-Agent [default: wspipe/VERSION]')
            [CompletionResult]::new('--user-agent', '--user-agent', [CompletionResultType]::ParameterName, 'Send this User-Agent [default: wspipe/VERSION]')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'Log in with HTTP''s Basic scheme; without a colon, the password is empty')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in with HTTP''s Basic scheme; without a colon, the password is empty')
            [CompletionResult]::new('--connect-timeout', '--connect-timeout', [CompletionResultType]::ParameterName, 'Give up when the session is not open after so long, the answer to the upgrade included; 0 means no limit')
            [CompletionResult]::new('--keepalive-time', '--keepalive-time', [CompletionResultType]::ParameterName, 'Probe an idle TCP connection after so long')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Send a message; @FILE sends the bytes of a file unchanged, @- those of stdin. May be repeated, each is one message')
            [CompletionResult]::new('--data', '--data', [CompletionResultType]::ParameterName, 'Send a message; @FILE sends the bytes of a file unchanged, @- those of stdin. May be repeated, each is one message')
            [CompletionResult]::new('--data-raw', '--data-raw', [CompletionResultType]::ParameterName, 'Send a message; @ has no meaning. May be repeated')
            [CompletionResult]::new('--decode', '--decode', [CompletionResultType]::ParameterName, 'Decode each message before it is sent, as binary (with --text, as text)')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Write messages in this format [default: text; with --binary, --stream or --chunk, raw where stdout is no terminal]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to a file in place of stdout; - is stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to a file in place of stdout; - is stdout')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Print at the end what the format says, as in curl: %{exitcode}, %{close_code}, %{messages_in}, %{json} and others; \n, \t, %%; @FILE reads the format from a file')
            [CompletionResult]::new('--write-out', '--write-out', [CompletionResultType]::ParameterName, 'Print at the end what the format says, as in curl: %{exitcode}, %{close_code}, %{messages_in}, %{json} and others; \n, \t, %%; @FILE reads the format from a file')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'End after so many messages received; 0 ends once the session is open')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End after so many messages received; 0 ends once the session is open')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End after a message that is exactly this text')
            [CompletionResult]::new('--until-regex', '--until-regex', [CompletionResultType]::ParameterName, 'End after a message in which this regular expression matches')
            [CompletionResult]::new('--idle', '--idle', [CompletionResultType]::ParameterName, 'End when nothing was received for so long (connect and send: from the end of input)')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'End so long after the opening')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Fail (exit 28) when the whole run takes longer; 0 means no limit')
            [CompletionResult]::new('--max-time', '--max-time', [CompletionResultType]::ParameterName, 'Fail (exit 28) when the whole run takes longer; 0 means no limit')
            [CompletionResult]::new('--max-message-size', '--max-message-size', [CompletionResultType]::ParameterName, 'Refuse (exit 109) a message larger than this; 0 means no limit [default: 64M where messages must be held whole, such as --format jsonl; else none]')
            [CompletionResult]::new('--close-code', '--close-code', [CompletionResultType]::ParameterName, 'Close with this code')
            [CompletionResult]::new('--close-reason', '--close-reason', [CompletionResultType]::ParameterName, 'Close with this reason, at most 123 bytes')
            [CompletionResult]::new('--close-timeout', '--close-timeout', [CompletionResultType]::ParameterName, 'Wait so long for the peer''s Close, once ours has left; 0 means no limit. A server that is still busy with what was sent before answers late')
            [CompletionResult]::new('--ok-close', '--ok-close', [CompletionResultType]::ParameterName, 'Take these close codes for success too, such as 1001,4000-4099; 1005 is no code, 1006 a lost connection')
            [CompletionResult]::new('--expect-close', '--expect-close', [CompletionResultType]::ParameterName, 'Succeed only if the peer''s Close, or its answer to ours, has one of these codes, else exit 4; 1005 is no code, 1006 a lost connection')
            [CompletionResult]::new('--ping-interval', '--ping-interval', [CompletionResultType]::ParameterName, 'Send a Ping every so often')
            [CompletionResult]::new('--ping-timeout', '--ping-timeout', [CompletionResultType]::ParameterName, 'Fail (exit 29) when a Ping is not answered within so long [default: the interval]')
            [CompletionResult]::new('--text', '--text', [CompletionResultType]::ParameterName, 'Send text messages (the default)')
            [CompletionResult]::new('--binary', '--binary', [CompletionResultType]::ParameterName, 'Send binary messages, and print raw ones where stdout is no terminal. For stdin, say also what one message is: --lines, --null, --delimiter, --whole, --chunk, --stream, --length-prefixed or --decode')
            [CompletionResult]::new('-0', '-0', [CompletionResultType]::ParameterName, 'End each message with NUL in place of the newline')
            [CompletionResult]::new('--null', '--null', [CompletionResultType]::ParameterName, 'End each message with NUL in place of the newline')
            [CompletionResult]::new('--jsonl', '--jsonl', [CompletionResultType]::ParameterName, 'Print records: the same as --format jsonl')
            [CompletionResult]::new('--print0', '--print0', [CompletionResultType]::ParameterName, 'End each message with NUL in place of the newline, and in raw too')
            [CompletionResult]::new('--timestamps', '--timestamps', [CompletionResultType]::ParameterName, 'Write the time (UTC) before each message')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Say nothing on stderr: no closing line, no progress, no errors')
            [CompletionResult]::new('--silent', '--silent', [CompletionResultType]::ParameterName, 'Say nothing on stderr: no closing line, no progress, no errors')
            [CompletionResult]::new('-S', '-S ', [CompletionResultType]::ParameterName, 'With -s, say errors all the same')
            [CompletionResult]::new('--show-error', '--show-error', [CompletionResultType]::ParameterName, 'With -s, say errors all the same')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show the opening handshake, and the closing line on success too, as at a terminal')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show the opening handshake, and the closing line on success too, as at a terminal')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: output is never held back')
            [CompletionResult]::new('--no-buffer', '--no-buffer', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: output is never held back')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: a failure is always an exit code')
            [CompletionResult]::new('--fail', '--fail', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: a failure is always an exit code')
            [CompletionResult]::new('--no-progress-meter', '--no-progress-meter', [CompletionResultType]::ParameterName, 'Accepted for curl''s sake: there is progress only where it does no harm')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wspipe;serve' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'wspipe;help' {
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Send stdin message by message and print what comes')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Send messages, close, and make sure that they arrived')
            [CompletionResult]::new('listen', 'listen', [CompletionResultType]::ParameterValue, 'Print what comes, and never read stdin')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Run an echo server for tests')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'wspipe;help;connect' {
            break
        }
        'wspipe;help;send' {
            break
        }
        'wspipe;help;listen' {
            break
        }
        'wspipe;help;serve' {
            break
        }
        'wspipe;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
