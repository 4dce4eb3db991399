import t from 'tap'
import { MARK_HEADER, readCorpusFile, shortCorpus } from '../../../src/rules/trial/corpus.ts'
import { corpus } from './support.ts'

const one = (text: string) =>
  readCorpusFile('x.yaml', `class: x\nrequests:\n  - ${text}\n  - { name: second, send: GET / }\n`)[0]!
    .bytes('m1')
    .toString('latin1')

t.test('the corpus holds at least 200 attacks and 200 harmless requests, of every family', (t) => {
  for (const expect of ['stopped', 'passed'] as const) {
    const those = corpus.filter((request) => request.expect === expect)
    t.ok(those.length >= 200, `${those.length} ${expect}`)
    t.equal(new Set(those.map(({ group, name }) => `${group}/${name}`)).size, those.length, 'each has a name')
    t.ok(new Set(those.map(({ group }) => group)).size >= 11)
  }
  const attacks = new Set(corpus.filter(({ expect }) => expect === 'stopped').map(({ group }) => group))
  t.strictSame([...attacks].sort(), [
    ...['generic', 'java', 'lfi', 'method', 'multipart', 'php', 'protocol', 'rce', 'rfi', 'scanner', 'session'],
    ...['smuggling', 'sqli', 'xss'],
  ])
  t.equal(
    new Set(corpus.map((request) => request.bytes('m').toString('latin1'))).size,
    corpus.length,
    'none stands twice',
  )
  t.end()
})

t.test('shortCorpus() holds two of each group', (t) => {
  for (const [group, list] of Map.groupBy(shortCorpus(corpus), ({ group, expect }) => `${expect} ${group}`))
    t.equal(list.length, 2, group)
  t.end()
})

t.test('bytes() is a request as a client sends it, with its mark', (t) => {
  const usual = `Host: shop.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\nAccept: */*\r\n${MARK_HEADER}: m1\r\n`
  t.equal(
    one(`{ name: a, send: GET /p, query: { q: "O'Brien & 日" } }`),
    `GET /p?q=O'Brien%20%26%20%E6%97%A5 HTTP/1.1\r\n${usual}Connection: close\r\n\r\n`,
  )
  t.equal(
    one('{ name: a, send: POST /p, form: { a: "1 2", b: "" } }'),
    `POST /p HTTP/1.1\r\n${usual}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\nConnection: close\r\n\r\na=1%202&b=`.replace(
      'Length: 8',
      'Length: 10',
    ),
  )
  t.match(
    one('{ name: a, send: PUT /p, json: { a: [1] } }'),
    /Content-Type: application\/json\r\nContent-Length: 9\r\n.*\{"a":\[1\]\}$/s,
  )
  t.match(
    one('{ name: a, send: POST /p, parts: [{ name: f, filename: x.txt, type: text/plain, text: ab, times: 2 }] }'),
    /boundary=(\S+)\r\n.*--\1\r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text\/plain\r\n\r\nabab\r\n--\1--\r\n$/s,
  )
  t.notMatch(one('{ name: a, send: GET /p, headers: { Accept: null } }'), /Accept/)
  t.equal(
    one('{ name: a, raw: "GET / HTTP/1.0\\r\\nX: \\xff\\r\\n\\r\\n" }'),
    `GET / HTTP/1.0\r\n${MARK_HEADER}: m1\r\nX: \xff\r\n\r\n`,
  )
  t.end()
})

t.test('readCorpusFile() refuses what is not of its form and names the file', (t) => {
  const requests = 'requests: [{ name: a, send: GET / }, { name: b, send: GET / }]'
  for (const [text, expected] of [
    [requests, /Cannot read the corpus file x\.yaml: .*one of class and kind/s],
    [`class: x\nkind: y\n${requests}`, /one of class and kind/],
    ['class: x\nrequests: [{ name: a, send: GET / }, { name: a, send: GET / }]', /the name 'a' stands in it twice/],
    ['class: x\nrequests: [{ name: a }, { name: b, send: GET / }]', /one of send and raw/],
    [
      'class: x\nrequests: [{ name: a, send: GET /, form: {}, body: x }, { name: b, send: GET / }]',
      /one of form, json, parts and body/,
    ],
    ['class: x\nrequests: [{ name: a, send: get / }, { name: b, send: GET / }]', /send/],
    ['class: x\nrequests: [{ name: a, send: GET /, bodi: x }, { name: b, send: GET / }]', /bodi/],
  ] as const)
    t.throws(() => readCorpusFile('x.yaml', text), { message: expected })
  t.end()
})
