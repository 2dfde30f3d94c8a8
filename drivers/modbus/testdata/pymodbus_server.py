"""A Modbus server for the tests, made of pymodbus and nothing of ours.

pymodbus_server.py rtu PORT BAUD PARITY STOP | tcp TCPPORT | rtu_over_tcp TCPPORT | tls TCPPORT CERT KEY CA

It prints "ready" and serves until its standard input ends: units 1 to 3, of
which each register holds what the tests' word() says.
"""
import asyncio
import ssl
import sys

from pymodbus.datastore import (ModbusSequentialDataBlock, ModbusServerContext,
                                ModbusSlaveContext)
from pymodbus.framer.rtu_framer import ModbusRtuFramer
from pymodbus.framer.socket_framer import ModbusSocketFramer
from pymodbus.server.async_io import (StartAsyncSerialServer, StartAsyncTcpServer,
                                      StartAsyncTlsServer)


def word(unit, function, address):
    return (unit * 7919 + function * 257 + address * 13 + 1) % 65536


def slave(unit):
    def block(function):
        words = [word(unit, function, a) for a in range(1000)]
        if function <= 2:
            words = [w % 3 == 0 for w in words]
        return ModbusSequentialDataBlock(0, words)
    return ModbusSlaveContext(co=block(1), di=block(2), hr=block(3), ir=block(4), zero_mode=True)


def server(context, kind, where, *more):
    if kind == "rtu":
        baud, parity, stop = more
        return StartAsyncSerialServer(context=context, framer=ModbusRtuFramer, port=where, baudrate=int(baud),
                                      parity=parity, stopbits=int(stop), timeout=0.05)
    address = ("127.0.0.1", int(where))
    if kind == "rtu_over_tcp":
        return StartAsyncTcpServer(context=context, framer=ModbusRtuFramer, address=address)
    if kind == "tcp":
        return StartAsyncTcpServer(context=context, framer=ModbusSocketFramer, address=address)
    cert, key, ca = more
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    tls.load_verify_locations(ca)
    tls.verify_mode = ssl.CERT_REQUIRED
    # Its own framer for TLS leaves the MBAP header out, the specification does not.
    return StartAsyncTlsServer(context=context, framer=ModbusSocketFramer, sslctx=tls, address=address)


async def main():
    context = ModbusServerContext(slaves={u: slave(u) for u in (1, 2, 3)}, single=False)
    task = asyncio.create_task(server(context, *sys.argv[1:]))
    await asyncio.sleep(0.3)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    task.cancel()


asyncio.run(main())
