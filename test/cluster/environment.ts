/** The environment in which the lab's programs run: the machine's, without its proxies, behind which no lab address is reached. */
export function directly(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(https?|all|ftp)_proxy$/i.test(name)))
}
