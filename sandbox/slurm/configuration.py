"""What a lab's Slurm is told: slurm.conf for a controller and nodes on one address.

Times are short so that tests need not wait: a requeued job may start again a moment
after its credential expired (``cred_expire``), and a killed step has two seconds.

Source: https://slurm.schedmd.com/slurm.conf.html, https://slurm.schedmd.com/jwt.html,
https://slurm.schedmd.com/programmer_guide.html#multiple_slurmd_support
"""

from __future__ import annotations

from collections.abc import Mapping

HOST = "lab"
NODES = ("gpu001", "gpu002", "gpu003")
PARTITION = "spot"
KEY_FILE = "/etc/slurm/jwt_hs256.key"
CREDENTIAL_EXPIRES_S = 5

_FIXED: Mapping[str, str] = {
    "ClusterName": "lab",
    "SlurmctldHost": f"{HOST}(127.0.0.1)",
    "SlurmUser": "slurm",
    "AuthType": "auth/munge",
    "AuthInfo": f"cred_expire={CREDENTIAL_EXPIRES_S}",
    "CredType": "cred/munge",
    "AuthAltTypes": "auth/jwt",
    "AuthAltParameters": f"jwt_key={KEY_FILE}",
    "SlurmctldPidFile": "/run/slurm/slurmctld.pid",
    "SlurmdPidFile": "/run/slurm/slurmd-%n.pid",
    "StateSaveLocation": "/var/lib/slurm/ctld",
    "SlurmdSpoolDir": "/var/lib/slurm/d-%n",
    "SlurmctldLogFile": "/var/log/slurm/slurmctld.log",
    "SlurmdLogFile": "/var/log/slurm/slurmd-%n.log",
    "ProctrackType": "proctrack/linuxproc",
    "TaskPlugin": "task/none",
    "JobAcctGatherType": "jobacct_gather/none",
    "AccountingStorageType": "accounting_storage/none",
    "SelectType": "select/cons_tres",
    "SelectTypeParameters": "CR_Core",
    "SchedulerType": "sched/backfill",
    "SchedulerParameters": "sched_interval=1,batch_sched_delay=0,sched_min_interval=0",
    "MpiDefault": "none",
    "SwitchType": "switch/none",
    "ReturnToService": "2",
    "KillWait": "2",
    "JobRequeue": "1",
    "SlurmdParameters": "config_overrides",
}


def slurm_conf(controller_port: int, node_ports: tuple[int, ...]) -> str:
    """Write the file for these ports; each node has two cores."""
    lines = [f"{name}={value}" for name, value in _FIXED.items()]
    lines.append(f"SlurmctldPort={controller_port}")
    lines += [
        f"NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} "
        "CPUs=2 RealMemory=1000 State=UNKNOWN"
        for name, port in zip(NODES, node_ports, strict=True)
    ]
    every = ",".join(NODES)
    lines.append(
        f"PartitionName={PARTITION} Nodes={every} Default=YES MaxTime=INFINITE State=UP"
    )
    return "\n".join(lines) + "\n"


CGROUP_CONF = "CgroupPlugin=disabled\n"
