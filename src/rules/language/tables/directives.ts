/**
 * The directives of the rule language: what value each takes, and whether libmodsecurity 3.0.16 loads it.
 * `rule`: has a form of its own (parse.ts). `line`: all up to the end of the line. `quoted`: must stand in double quotes.
 */
import { canonical } from './lookup.ts'

export type ValueKind = 'rule' | 'keyword' | 'number' | 'path' | 'word' | 'parts' | 'line' | 'quoted' | 'bare'

export interface Directive {
  readonly value: ValueKind
  readonly v3: 'yes' | 'no'
  /** For `keyword`: what may be written. */
  readonly keywords: readonly string[]
}

const takes = (value: ValueKind): Directive => ({ value, v3: 'yes', keywords: [] })
const one = (...keywords: string[]): Directive => ({ value: 'keyword', v3: 'yes', keywords })
const refused = (value: ValueKind): Directive => ({ value, v3: 'no', keywords: [] })

export const DIRECTIVES: Readonly<Record<string, Directive>> = {
  Include: takes('path'),
  IncludeOptional: refused('path'),
  SecAction: takes('rule'),
  SecArgumentSeparator: takes('word'),
  SecArgumentsLimit: takes('number'),
  SecAuditEngine: one('On', 'Off', 'RelevantOnly'),
  SecAuditLog: takes('path'),
  SecAuditLog2: takes('path'),
  SecAuditLogDirMode: takes('number'),
  SecAuditLogFileMode: takes('number'),
  SecAuditLogFormat: one('JSON', 'Native'),
  SecAuditLogParts: takes('parts'),
  SecAuditLogPrefix: takes('line'),
  SecAuditLogRelevantStatus: takes('line'),
  SecAuditLogStorageDir: takes('path'),
  SecAuditLogType: one('Serial', 'Parallel', 'Concurrent', 'HTTPS'),
  SecCacheTransformations: refused('line'),
  SecChrootDir: refused('path'),
  SecCollectionTimeout: takes('number'),
  SecComponentSignature: takes('quoted'),
  SecConnEngine: refused('line'),
  SecConnReadStateLimit: refused('line'),
  SecConnWriteStateLimit: refused('line'),
  SecContentInjection: refused('line'),
  SecCookieFormat: takes('number'),
  SecCookieV0Separator: refused('word'),
  SecDataDir: takes('path'),
  SecDebugLog: takes('path'),
  SecDebugLogLevel: takes('number'),
  SecDefaultAction: takes('rule'),
  SecDisableBackendCompression: refused('line'),
  SecGeoLookupDb: takes('line'),
  SecGsbLookupDb: refused('line'),
  SecGuardianLog: refused('line'),
  SecHashEngine: refused('line'),
  SecHashKey: refused('line'),
  SecHashMethodPm: refused('line'),
  SecHashMethodRx: refused('line'),
  SecHashParam: refused('line'),
  SecHttpBlKey: takes('line'),
  SecInterceptOnError: refused('line'),
  SecMarker: takes('rule'),
  SecParseXmlIntoArgs: one('On', 'Off', 'OnlyArgs'),
  SecPcreMatchLimit: takes('number'),
  SecPcreMatchLimitRecursion: takes('number'),
  SecReadStateLimit: refused('line'),
  SecRemoteRules: takes('line'),
  SecRemoteRulesFailAction: one('Abort', 'Warn'),
  SecRequestBodyAccess: one('On', 'Off'),
  SecRequestBodyInMemoryLimit: refused('number'),
  SecRequestBodyJsonDepthLimit: takes('number'),
  SecRequestBodyLimit: takes('number'),
  SecRequestBodyLimitAction: one('Reject', 'ProcessPartial'),
  SecRequestBodyNoFilesLimit: takes('number'),
  SecResponseBodyAccess: one('On', 'Off'),
  SecResponseBodyLimit: takes('number'),
  SecResponseBodyLimitAction: one('Reject', 'ProcessPartial'),
  SecResponseBodyMimeType: takes('line'),
  SecResponseBodyMimeTypesClear: takes('bare'),
  SecRule: takes('rule'),
  SecRuleEngine: one('On', 'Off', 'DetectionOnly'),
  SecRuleInheritance: refused('line'),
  SecRulePerfTime: refused('number'),
  SecRuleRemoveById: takes('rule'),
  SecRuleRemoveByMsg: takes('rule'),
  SecRuleRemoveByTag: takes('rule'),
  SecRuleScript: takes('rule'),
  SecRuleUpdateActionById: takes('rule'),
  SecRuleUpdateTargetById: takes('rule'),
  SecRuleUpdateTargetByMsg: takes('rule'),
  SecRuleUpdateTargetByTag: takes('rule'),
  SecSensorId: refused('line'),
  SecServerSignature: refused('quoted'),
  SecStatusEngine: one('On', 'Off'),
  SecStreamInBodyInspection: refused('line'),
  SecStreamOutBodyInspection: refused('line'),
  SecTmpDir: takes('path'),
  SecTmpSaveUploadedFiles: one('On', 'Off'),
  SecUnicodeMapFile: takes('line'),
  SecUploadDir: takes('path'),
  SecUploadFileLimit: takes('number'),
  SecUploadFileMode: takes('number'),
  SecUploadKeepFiles: one('On', 'Off'),
  SecWebAppId: takes('line'),
  SecWriteStateLimit: refused('line'),
  SecXmlExternalEntity: one('On', 'Off'),
}

export const directiveName = canonical(DIRECTIVES)
