import { join } from 'node:path'
import t from 'tap'
import { kubeconfigAccess } from '../../src/cluster/kubeconfig.ts'

t.test('kubeconfigAccess() says which file cannot be read, and quotes nothing of it', async (t) => {
  const folder = t.testdir({ binary: '\u0000\u001b[31msecret: [' })
  await t.rejects(kubeconfigAccess({ kubeconfig: join(folder, 'none') }), {
    message: /^Cannot read the kubeconfig ".*none": there is no such file$/,
  })
  await t.rejects(kubeconfigAccess({ kubeconfig: folder }), { message: /^Cannot read the kubeconfig ".*": EISDIR$/ })
  await t.rejects(kubeconfigAccess({ kubeconfig: join(folder, 'binary') }), {
    message: /^Cannot read the kubeconfig "[^"]*": it is not a kubeconfig$/,
  })
})
