import type { ClientConfigFile } from "../client-config.ts"

const names = {
  HTTP_PROXY: "httpProxy",
  HTTPS_PROXY: "httpsProxy",
  NO_PROXY: "noProxy",
  FTP_PROXY: "ftpProxy",
  ALL_PROXY: "allProxy",
} as const

/**
 * The environment that config.json gives to containers (`proxies`), in upper and lower case.
 * @param host the daemon's address; what is not set for it is taken from `default`
 */
export function proxyVariables(proxies: ClientConfigFile["proxies"], host: string): readonly string[] {
  const chosen = proxies?.[host] ?? proxies?.["default"]
  if (!chosen) return []
  return Object.entries(names).flatMap(([variable, key]) => {
    const value = chosen[key]
    return value ? [`${variable}=${value}`, `${variable.toLowerCase()}=${value}`] : []
  })
}
