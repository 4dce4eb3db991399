/**
 * The option keywords of Suricata 8.0. The first list is what `suricata --list-keywords` prints; the second are further names for some of them, which
 * it takes and does not print. A test holds both against the engine of the image. Suricata reads keywords in any case; suricata-update does not, so
 * here they are written as printed.
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

export const PRINTED_KEYWORDS = words(`
  absent alert app-layer-event app-layer-protocol app-layer-state asn1 base64_data base64_decode bsize bypass
  byte_extract byte_jump byte_math byte_test cip_service classtype compress_whitespace config content datarep
  dataset dcerpc.iface dcerpc.opnum dcerpc.stub_data decode-event depth detection_filter dhcp.leasetime
  dhcp.rebinding_time dhcp.renewal_time distance dnp3.data dnp3_func dnp3_ind dnp3_obj dns.additionals.rrname
  dns.answer.name dns.answers.rrname dns.authorities.rrname dns.opcode dns.queries.rrname dns.query dns.query.name
  dns.rcode dns.response.rrname dns.rrtype domain dotprefix dsize email.cc email.date email.from email.message_id
  email.received email.subject email.to email.url email.x_mailer endswith engine-event enip.capabilities
  enip.cip_attribute enip.cip_class enip.cip_extendedstatus enip.cip_instance enip.cip_status enip.device_type
  enip.identity_status enip.product_code enip.product_name enip.protocol_version enip.revision enip.serial
  enip.service_name enip.state enip.status enip.vendor_id enip_command entropy fast_pattern file.data file.magic
  file.name fileext filemagic filemd5 filename filesha1 filesha256 filesize filestore flow flow.age flow.bytes
  flow.bytes_toclient flow.bytes_toserver flow.pkts flow.pkts_toclient flow.pkts_toserver flowbits flowint flowvar
  fragbits fragoffset frame from_base64 ftp.command ftp.command_data ftp.completion_code ftp.dynamic_port ftp.mode
  ftp.reply ftp.reply_received ftpbounce ftpdata_command geoip gid gunzip header_lowercase hostbits http.accept
  http.accept_enc http.accept_lang http.connection http.content_len http.content_type http.cookie http.header
  http.header.raw http.header_names http.host http.host.raw http.location http.method http.protocol http.referer
  http.request_body http.request_header http.request_line http.response_body http.response_header
  http.response_line http.server http.start http.stat_code http.stat_msg http.uri http.uri.raw http.user_agent
  http2.errorcode http2.frametype http2.header_name http2.priority http2.settings http2.size_update http2.window
  http_client_body http_cookie http_header http_host http_method http_raw_header http_raw_host http_raw_uri
  http_server_body http_stat_code http_stat_msg http_uri http_user_agent icmp_id icmp_seq icmpv4-csum icmpv4.hdr
  icmpv6-csum icmpv6.hdr icmpv6.mtu icode id ike.chosen_sa_attribute ike.exchtype ike.init_spi
  ike.key_exchange_payload ike.key_exchange_payload_length ike.nonce_payload ike.nonce_payload_length ike.resp_spi
  ike.vendor ip.dst ip.src ip_proto ipopts iprep ipv4-csum ipv4.hdr ipv6.hdr isdataat itype ja3.hash ja3.string
  ja3s.hash ja3s.string ja4.hash krb5.cname krb5.sname krb5.ticket_encryption krb5_err_code krb5_msg_type l3_proto
  ldap.request.attribute_type ldap.request.dn ldap.request.operation ldap.responses.attribute_type
  ldap.responses.count ldap.responses.dn ldap.responses.message ldap.responses.operation ldap.responses.result_code
  lua luaxform mdns.additionals.rrname mdns.answers.rrname mdns.authorities.rrname mdns.queries.rrname
  mdns.response.rrname metadata modbus mqtt.connack.session_present mqtt.connect.clientid mqtt.connect.flags
  mqtt.connect.password mqtt.connect.protocol_string mqtt.connect.username mqtt.connect.willmessage
  mqtt.connect.willtopic mqtt.flags mqtt.protocol_version mqtt.publish.message mqtt.publish.topic mqtt.qos
  mqtt.reason_code mqtt.subscribe.topic mqtt.type mqtt.unsubscribe.topic msg nfq_set_mark nfs.version nfs_procedure
  noalert nocase ntp.mode ntp.reference_id ntp.stratum ntp.version offset pcre pcrexform pgsql.query pkt_data
  pktvar prefilter priority quic.cyu.hash quic.cyu.string quic.sni quic.ua quic.version rawbytes reference replace
  requires rev rfb.name rfb.secresult rfb.sectype rpc sameip sdp.attribute sdp.bandwidth sdp.connection_data
  sdp.email sdp.encryption_key sdp.media.connection_data sdp.media.encryption_key sdp.media.media
  sdp.media.media_info sdp.origin sdp.phone_number sdp.repeat_time sdp.session_info sdp.session_name sdp.time
  sdp.timezone sdp.uri sid sip.content_length sip.content_type sip.from sip.method sip.protocol sip.request_line
  sip.response_line sip.stat_code sip.stat_msg sip.to sip.uri sip.user_agent sip.via smb.named_pipe
  smb.ntlmssp_domain smb.ntlmssp_user smb.share smb.version smtp.helo smtp.mail_from smtp.rcpt_to snmp.community
  snmp.pdu_type snmp.trap_type snmp.usm snmp.version ssh.hassh ssh.hassh.server ssh.hassh.server.string
  ssh.hassh.string ssh.proto ssh.protoversion ssh.software ssh.softwareversion ssl_state ssl_version startswith
  stream-event stream_size strip_pseudo_headers strip_whitespace tag target tcp.ack tcp.flags tcp.hdr tcp.mss
  tcp.seq tcp.session tcp.window tcp.wscale tcpv4-csum tcpv6-csum threshold tld tls.alpn tls.cert_chain_len
  tls.cert_fingerprint tls.cert_issuer tls.cert_serial tls.cert_subject tls.certs tls.fingerprint tls.issuerdn
  tls.random tls.random_bytes tls.random_time tls.sni tls.subject tls.subjectaltname tls.version tls_cert_expired
  tls_cert_notafter tls_cert_notbefore tls_cert_valid tls_store to_lowercase to_md5 to_sha1 to_sha256 to_uppercase
  tos ttl udp.hdr udpv4-csum udpv6-csum uricontent urilen url_decode vlan.id vlan.layers websocket.flags
  websocket.mask websocket.opcode websocket.payload within xbits xor zlib_deflate
`)

export const OTHER_NAMES = words(`
  ack dce_iface dce_opnum dce_stub_data dnp3.func dnp3.ind dnp3.obj dnp3_data dns_query file_data flags
  http.uri.normalized http_accept http_accept_enc http_accept_lang http_connection http_content_len
  http_content_type http_header_names http_protocol http_referer http_request_line http_response_line http_start
  ja3_hash ja3_string ja4_hash krb5_cname krb5_sname nfs_version seq smb_named_pipe smb_share
  ssh-hassh-server-string ssh_proto ssh_software tls.store tls_cert_fingerprint tls_cert_issuer tls_cert_serial
  tls_cert_subject tls_sni window
`)

export const KEYWORDS: ReadonlySet<string> = new Set([...PRINTED_KEYWORDS, ...OTHER_NAMES])
/** In the order in which the nearest is sought. */
export const KEYWORD_LIST: readonly string[] = [...KEYWORDS]
