/** A ConfigMap with rules → its rule files: each key that ends in `.conf`, by name. */
import { CUSTOM_RULES_CONFIGMAP, LABEL } from '../../api/names.ts'
import { byName } from '../compile/names.ts'

export interface RuleConfigMap {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly data: Readonly<Record<string, string>>
  /** Keys whose value is not text. */
  readonly binaryKeys: readonly string[]
}

/** Its name or its label says that it holds rules. */
export const holdsRules = ({ name, labels }: Pick<RuleConfigMap, 'name' | 'labels'>): boolean =>
  name === CUSTOM_RULES_CONFIGMAP || Object.hasOwn(labels, LABEL.rules)

const isRules = (key: string): boolean => key.endsWith('.conf')

export interface RuleFiles {
  readonly files: readonly { readonly key: string; readonly text: string }[]
  /** Keys of rule files that cannot be read, since they are not UTF-8. */
  readonly unreadable: readonly string[]
}

export const ruleFilesOf = ({ data, binaryKeys }: Pick<RuleConfigMap, 'data' | 'binaryKeys'>): RuleFiles => ({
  files: Object.keys(data)
    .filter(isRules)
    .toSorted(byName)
    .map((key) => ({ key, text: data[key]! })),
  unreadable: binaryKeys.filter(isRules).toSorted(byName),
})
