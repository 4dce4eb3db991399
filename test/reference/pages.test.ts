/** The reference says what the program says. */
import t from 'tap'
import { commandsOf, compare, PAGE_NAMES } from './pages.ts'

for (const name of PAGE_NAMES) {
  t.test(
    `docs/reference/${name}.md holds the tables of the program (else: node test/reference/pages.ts)`,
    async (t) => {
      const { is, should } = await compare(name)
      t.equal(is, should)
    },
  )
}

t.test('sekisho help shows examples for each command', async (t) => {
  for (const { path, command } of await commandsOf()) {
    let help = ''
    command.configureOutput({ writeOut: (text) => (help += text) })
    command.outputHelp()
    t.match(help, /\nExamples:\n {2}\$ /, path)
  }
})
