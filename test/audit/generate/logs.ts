/** Accesses as each cloud writes them down, from the documented formats: one function a format, an object's text out. */
import type { Access } from './access.ts'

const csv = (fields: readonly string[]): string => fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(',')
/** No header of HTTP holds a line end. */
const header = (text: string): string => text.replace(/[\r\n]+/g, ' ')
const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('')
const iso = (time: number): string => new Date(time).toISOString()
const seconds = (time: number): string => String(Math.floor(time / 1000))

const gcsUsage = (accesses: readonly Access[]): string =>
  lines([
    '"time_micros","c_ip","c_ip_type","c_ip_region","cs_method","cs_uri","sc_status","cs_bytes","sc_bytes","time_taken_micros","cs_host","cs_referer","cs_user_agent","s_request_id","cs_operation","cs_bucket","cs_object"',
    ...accesses.map((one) =>
      csv([
        `${one.time}000`,
        one.address,
        '1',
        '',
        'GET',
        `/${one.store}/${one.object}?GoogleAccessId=${one.who}@shop.iam.gserviceaccount.com&Expires=1&Signature=SECRET`,
        one.denied ? '403' : '200',
        '0',
        String(one.bytes),
        '12000',
        'storage.googleapis.com',
        '',
        header(one.agent),
        one.id,
        'GET_Object',
        one.store,
        one.object,
      ]),
    ),
  ])

const gcpAudit = (accesses: readonly Access[]): string =>
  lines(
    accesses.map((one) =>
      JSON.stringify({
        logName: 'projects/shop/logs/cloudaudit.googleapis.com%2Fdata_access',
        timestamp: iso(one.time),
        insertId: one.id,
        resource: { type: 'gcs_bucket', labels: { bucket_name: one.store, project_id: 'shop' } },
        protoPayload: {
          serviceName: 'storage.googleapis.com',
          methodName: 'storage.objects.get',
          resourceName: `projects/_/buckets/${one.store}/objects/${one.object}`,
          status: one.denied ? { code: 7 } : {},
          authenticationInfo: { principalEmail: `${one.who}@shop.iam.gserviceaccount.com` },
          requestMetadata: { callerIp: one.address, callerSuppliedUserAgent: one.agent },
        },
      }),
    ),
  )

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const s3Time = (time: number): string => {
  const [, year, month, day, clock] = /^(\d+)-(\d+)-(\d+)T([\d:]+)/.exec(iso(time))!
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${clock} +0000`
}
const s3Access = (accesses: readonly Access[]): string =>
  lines(
    accesses.map(
      (one) =>
        `79a59df9 ${one.store} [${s3Time(one.time)}] ${one.address} arn:aws:sts::123456789012:assumed-role/${one.who}/i-${one.id} ${one.id} REST.GET.OBJECT ${encodeURIComponent(encodeURIComponent(one.object))} "GET /${one.store}/${one.object} HTTP/1.1" ${one.denied ? '403 AccessDenied' : '200 -'} ${one.bytes} ${one.bytes} 7 6 "-" "${header(one.agent)}" - h= SigV4 ECDHE AuthHeader s3 TLSv1.2 - -`,
    ),
  )

const cloudTrail = (accesses: readonly Access[]): string =>
  JSON.stringify({
    Records: accesses.map((one) => ({
      eventVersion: '1.08',
      userIdentity: { type: 'AssumedRole', arn: `arn:aws:sts::123456789012:assumed-role/${one.who}/i-${one.id}` },
      eventTime: iso(one.time),
      eventSource: 's3.amazonaws.com',
      eventName: 'GetObject',
      sourceIPAddress: one.address,
      userAgent: one.agent,
      ...(one.denied && { errorCode: 'AccessDenied' }),
      requestParameters: { bucketName: one.store, key: one.object },
      additionalEventData: { bytesTransferredOut: one.bytes },
      eventID: one.id,
      eventCategory: 'Data',
      recipientAccountId: '123456789012',
    })),
  })

const awsVpcFlows = (accesses: readonly Access[]): string =>
  lines([
    'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status',
    ...accesses.map(
      (one) =>
        `2 123456789012 eni-1 ${one.address} 10.9.0.3 41000 6379 6 7 ${one.bytes} ${seconds(one.time)} ${seconds(one.time + 60_000)} ${one.denied ? 'REJECT' : 'ACCEPT'} OK`,
    ),
  ])

const gcpVpcFlows = (accesses: readonly Access[]): string =>
  lines(
    accesses.map((one) =>
      JSON.stringify({
        logName: 'projects/shop/logs/compute.googleapis.com%2Fvpc_flows',
        timestamp: iso(one.time + 60_000),
        insertId: one.id,
        jsonPayload: {
          connection: { src_ip: one.address, src_port: 41000, dest_ip: '10.9.0.3', dest_port: 6379, protocol: 6 },
          reporter: 'SRC',
          bytes_sent: String(one.bytes),
          packets_sent: '7',
          start_time: iso(one.time),
        },
      }),
    ),
  )

/** By the name of the format. */
export const LOGS: Readonly<Record<string, (accesses: readonly Access[]) => string>> = {
  'gcs-usage': gcsUsage,
  'gcp-audit': gcpAudit,
  's3-access': s3Access,
  cloudtrail: cloudTrail,
  'aws-vpc-flows': awsVpcFlows,
  'gcp-vpc-flows': gcpVpcFlows,
}

/** A transfer that broke off in the last record. */
export const truncate = (text: string): string => text.slice(0, text.length - 60)
