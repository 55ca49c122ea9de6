# Stands in for the plug-ins of providers that this host has not: what their settings are called, from config.rb of
# Parallels/vagrant-parallels, hashicorp/vagrant-vmware-desktop and ppggff/vagrant-qemu. An unknown setting is an
# error of `vagrant validate`, as with the real ones.
def stand_in(name, *settings, &more)
  config = Class.new(Vagrant.plugin("2", :config)) { attr_accessor(*settings); class_eval(&more) if more }
  config.class_eval { def validate(_machine) = { "provider" => _detected_errors } }
  made = Class.new(Vagrant.plugin("2", :provider)) do
    define_method(:initialize) { |machine| super(machine) }
    define_method(:state) { Vagrant::MachineState.new(:not_created, "", "") }
  end
  Class.new(Vagrant.plugin("2")) do
    name "stand-in for #{name}"
    config(name, :provider) { config }
    provider(name) { made }
  end
end
stand_in(:parallels, :memory, :cpus)
stand_in(:vmware_desktop, :memory, :cpus) { def vmx = (@vmx ||= {}) }
stand_in(:qemu, :memory, :smp, :ssh_port, :extra_qemu_args)
