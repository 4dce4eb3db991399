/**
 * Rules of the kinds and in about the shares of a public set: most look into HTTP and DNS, some into names of TLS servers and plain payload, a
 * few with regular expressions, lists of addresses. The words are drawn by a fixed seed; the traffic of the benchmark holds none of them.
 */
export function syntheticRules(many: number): string {
  let state = 20_260_501
  const chance = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const name = (length: number) =>
    Array.from({ length }, () => 'abcdefghijklmnopqrstuvwxyz0123456789'[chance(36)]).join('')
  const hex = (length: number) => Array.from({ length }, () => chance(256).toString(16).padStart(2, '0')).join(' ')
  const address = () => `${1 + chance(9)}.${chance(256)}.${chance(256)}.${1 + chance(254)}`
  const body = (): readonly [string, string] => {
    const kind = chance(100)
    if (kind < 30)
      return [
        'http $HOME_NET any -> $EXTERNAL_NET any',
        `flow:established,to_server; http.method; content:"${chance(3) ? 'GET' : 'POST'}"; http.uri; content:"/${name(6)}/${name(8)}.php"; fast_pattern; http.user_agent; content:"${name(5)}"; `,
      ]
    if (kind < 42)
      return [
        'http $EXTERNAL_NET any -> $HTTP_SERVERS any',
        `flow:established,to_server; http.uri; content:"/${name(7)}?${name(4)}="; fast_pattern; nocase; pcre:"/[?&]${name(4)}=[^&]{1,40}(?:union|select)[^&]+from/Ui"; `,
      ]
    if (kind < 52)
      return [
        'http $EXTERNAL_NET any -> $HOME_NET any',
        `flow:established,to_client; file_data; content:"${name(12)}"; fast_pattern; content:"${name(6)}"; distance:0; within:200; `,
      ]
    if (kind < 72)
      return ['dns $HOME_NET any -> any any', `dns.query; content:"${name(9)}.${name(3)}"; nocase; endswith; `]
    if (kind < 82)
      return [
        'tls $HOME_NET any -> $EXTERNAL_NET any',
        `flow:established,to_server; tls.sni; content:"${name(8)}.${name(4)}"; bsize:13; fast_pattern; `,
      ]
    if (kind < 90)
      return [
        'tcp $EXTERNAL_NET any -> $HOME_NET any',
        `flow:established,to_server; content:"|${hex(6)}|${name(4)}"; fast_pattern; content:"|${hex(2)}|"; distance:2; within:40; `,
      ]
    if (kind < 94)
      return [
        'tcp $HOME_NET any -> $EXTERNAL_NET !$HTTP_PORTS',
        `flow:established,to_server; dsize:<400; content:"${name(5)}"; depth:20; content:"|${hex(4)}|"; `,
      ]
    if (kind < 97) return ['udp any any -> $HOME_NET any', `content:"|${hex(5)}|"; depth:16; `]
    return [
      `tcp [${Array.from({ length: 10 }, address).join(',')}] any -> $HOME_NET any`,
      'flags:S; threshold:type limit, track by_src, count 1, seconds 3600; ',
    ]
  }
  return Array.from({ length: many }, (_, i) => {
    const [header, options] = body()
    return `alert ${header} (msg:"BENCH ${i}"; ${options}classtype:trojan-activity; sid:${3_000_000 + i}; rev:1;)\n`
  }).join('')
}
