# SPDX-License-Identifier: GPL-2.0-only
#
# A test module for openQA (os-autoinst): the installed suite on the machine that openQA has
# booted with the kernel under test.
use Mojo::Base 'basetest';
use testapi;

sub run {
    select_console 'root-console';
    assert_script_run '/usr/libexec/kvm-s390-memory/run_tests -l';
    my $status = script_run '/usr/libexec/kvm-s390-memory/run_tests -o /tmp/suite >/tmp/suite.ktap',
      timeout => 7200;
    upload_logs '/tmp/suite.ktap';
    upload_logs '/tmp/suite/summary.txt';
    # A run that tested nothing has shown nothing: it is told apart, and is no pass
    return record_info 'skipped', script_output 'grep SKIP /tmp/suite.ktap'
      if $status == 4 && get_var 'KVM_S390_MEMORY_MAY_SKIP';
    die 'the suite: ' . script_output 'tail -n 1 /tmp/suite/summary.txt' if $status;
}

# A test that crashed the kernel needs a new one
sub test_flags {
    return {fatal => 1};
}

1;
