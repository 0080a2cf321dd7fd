// The script that puts the forwarder on a Linux machine, with everything in it: no machine
// has to reach a place where files are kept.
metadata description = 'Installation script of the forwarder'

@description('Endpoint of the forwarder\'s topic')
param topicEndpoint string

@description('Client id of the managed identity that may send there')
param clientId string

var settings = 'FORWARDER_TOPIC=${topicEndpoint}\nFORWARDER_CLIENT_ID=${clientId}\n'
var template = loadTextContent('install-forwarder.sh')
var withProgram = replace(template, '@PROGRAM@', loadFileAsBase64('../../../forwarder/nightshift_forwarder.py'))
var withUnit = replace(withProgram, '@UNIT@', loadFileAsBase64('../../../forwarder/nightshift-forwarder.service'))

@description('A shell script, to be run as root')
output script string = replace(withUnit, '@CONF@', base64(settings))
