"""A Modbus TCP server for the tests, made of pymodbus and nothing of ours.

pymodbus_server.py PORT [rtu] [VENDOR PRODUCT]

It listens on the port given, for RTU frames if it says so, tells vendor and
product if it has any, prints "ready" and then takes lines on standard input: UNIT FC ADDRESS WORD [WORD ...], decimal, FC 3 for holding and 4 for
input registers. Each line is answered with "ok".
"""
import asyncio
import sys

from pymodbus.device import ModbusDeviceIdentification
from pymodbus.datastore import (ModbusSequentialDataBlock, ModbusServerContext,
                                ModbusSlaveContext)
from pymodbus.framer.rtu_framer import ModbusRtuFramer
from pymodbus.framer.socket_framer import ModbusSocketFramer
from pymodbus.server.async_io import StartAsyncTcpServer


def slave():
    block = lambda: ModbusSequentialDataBlock(0, [0] * 65536)
    return ModbusSlaveContext(di=block(), co=block(), hr=block(), ir=block(), zero_mode=True)


async def listening(server, address):
    """Returns when the server takes connections; raises what ended it before."""
    while True:
        await asyncio.sleep(0.02)
        if server.done():
            await server
        try:
            _, probe = await asyncio.open_connection(*address)
        except OSError:
            continue
        probe.close()
        return


async def main():
    units = {n: slave() for n in range(1, 5)}
    context = ModbusServerContext(slaves=units, single=False)
    address = ("127.0.0.1", int(sys.argv[1]))
    words = sys.argv[2:]
    framer = ModbusSocketFramer
    if words[:1] == ["rtu"]:
        framer, words = ModbusRtuFramer, words[1:]
    identity = ModbusDeviceIdentification(info_name=dict(zip(("VendorName", "ProductName"), words)))
    server = asyncio.create_task(StartAsyncTcpServer(context=context, framer=framer, identity=identity, address=address))
    await listening(server, address)
    print("ready", flush=True)
    loop = asyncio.get_running_loop()
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            server.cancel()
            return
        unit, fc, address, *words = map(int, line.split())
        context[unit].setValues(fc, address, words)
        print("ok", flush=True)


asyncio.run(main())
