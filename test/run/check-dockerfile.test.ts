import t from 'tap'
import { checkDockerfile } from './check-dockerfile.ts'

const LABELS = ['title', 'description', 'licenses', 'version'].map((name) => `org.opencontainers.image.${name}="x"`)
const dockerfile = (...lines: string[]) =>
  ['FROM debian:forky-slim', `LABEL ${LABELS.join(' ')}`, ...lines, 'USER 65532:65532', 'CMD ["/x"]'].join('\n')

t.test('checkDockerfile() finds nothing in a careful one', async (t) => {
  const packages =
    'RUN set -eu; \\\n    # why\n    apt-get install -y --no-install-recommends x; \\\n    rm -rf /var/lib/apt/lists/*'
  t.same(checkDockerfile(dockerfile(packages)), [])
})

for (const [line, problem] of [
  ['FROM debian', /^3: pin the base/],
  ['FROM debian:latest', /^3: pin the base/],
  ['ADD x y', /^3: COPY does it/],
  ['COPY . /app', /^3: name what is copied/],
  ['CMD run me', /^3: CMD in its exec form/],
  ['RUN make; make install', /^3: begin RUN with set -eu/],
  ['RUN set -eu; sudo make', /^3: sudo/],
  ['RUN set -eu; apt-get install x', /^3: .*--no-install-recommends/],
  ['RUN set -eu; apt-get install --no-install-recommends x', /^3: take the lists/],
] as const)
  t.test(`checkDockerfile() finds fault with ${line}`, async (t) =>
    t.match(checkDockerfile(dockerfile(line))[0], problem),
  )

t.test('checkDockerfile() wants a numeric user that is not root, and labels', async (t) => {
  t.match(checkDockerfile('FROM scratch\nUSER 0'), [/must be a number and not root: 0$/, /title is missing/])
  t.match(checkDockerfile('FROM scratch\nUSER nobody')[0], /not root: nobody$/)
})
