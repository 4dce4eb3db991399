/** What may stand in the header of a rule: actions, protocols, variables. Tests compare with the engine and the configuration of the image. */

/** What becomes of a rule with this action. suricata-update knows neither `config` nor `rejectsrc`, and drops such rules without a word. */
export type ActionUse = 'alerts' | 'same-as-alert' | 'passes' | 'answers' | 'configures'
export const ACTIONS: Readonly<Record<string, ActionUse>> = {
  alert: 'alerts',
  drop: 'same-as-alert',
  pass: 'passes',
  reject: 'answers',
  rejectsrc: 'answers',
  rejectdst: 'answers',
  rejectboth: 'answers',
  config: 'configures',
}

/** Protocols for which Suricata detects with the shipped configuration: of packets first, then of applications. */
export const PROTOCOLS: readonly string[] = [
  ...['tcp', 'tcp-pkt', 'tcp-stream', 'udp', 'icmp', 'icmpv4', 'icmpv6', 'ip', 'ip4', 'ip6', 'ipv4', 'ipv6'],
  ...['pkthdr', 'sctp'],
  ...[
    'http',
    'http1',
    'http2',
    'ftp',
    'ftp-data',
    'smtp',
    'tls',
    'ssh',
    'imap',
    'smb',
    'dcerpc',
    'dns',
    'doh2',
    'mdns',
  ],
  ...['enip', 'nfs', 'ntp', 'tftp', 'ike', 'ikev2', 'krb5', 'quic', 'dhcp', 'sip', 'rfb', 'mqtt', 'pgsql', 'telnet'],
  ...['websocket', 'ldap', 'rdp', 'bittorrent-dht', 'pop3', 'snmp'],
]

/** Variables of addresses and ports that rules of ET Open and of the documentation use. */
export const VARIABLES: readonly string[] = [
  ...['HOME_NET', 'EXTERNAL_NET', 'HTTP_SERVERS', 'SMTP_SERVERS', 'SQL_SERVERS', 'DNS_SERVERS', 'TELNET_SERVERS'],
  ...['AIM_SERVERS', 'DC_SERVERS', 'DNP3_SERVER', 'DNP3_CLIENT', 'MODBUS_CLIENT', 'MODBUS_SERVER'],
  ...['ENIP_CLIENT', 'ENIP_SERVER', 'HTTP_PORTS', 'SHELLCODE_PORTS', 'ORACLE_PORTS', 'SSH_PORTS', 'DNP3_PORTS'],
  ...['MODBUS_PORTS', 'FILE_DATA_PORTS', 'FTP_PORTS', 'GENEVE_PORTS', 'VXLAN_PORTS', 'TEREDO_PORTS', 'SIP_PORTS'],
]
